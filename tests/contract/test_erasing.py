"""A person who left is erased: their name, their words, and nothing of what others can prove."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from regard.audit.v1 import audit_pb2 as audit
from regard.audit.v1.events_pb2 import ACTION_READ
from regard.common.v1.options_pb2 import ROLE_DATA_PROTECTION_OFFICER, ROLE_SECURITY_OFFICER, ROLE_STAFF_REPRESENTATIVE
from regard.groups.v1.events_pb2 import KeysDestroyed
from regard.identity.v1 import identity_pb2
from regard.identity.v1.events_pb2 import PersonErased

from regard_client.verify.receipt import parse_receipt
from services.common.database import Database
from services.common.decider import CommandContext, append_unconditionally
from services.groups import keys as groups_keys
from services.identity import vault as identity_vault
from tests.contract.streaming import eventually
from tests.contract.test_break_glass import SECRET, TWO_KEYS, House, at_work
from tests.contract.test_groups_served import Colleague
from tests.contract.test_identity import Did, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Registrar(House):
    """A house where people leave."""

    async def end(self, who: Colleague) -> None:
        """Ends somebody's access."""
        await self.administer(self.people.DeactivatePerson, identity_pb2.DeactivatePersonRequest(person_id=who.id))

    async def erase(self, whom: Colleague, by: Colleague | None = None) -> None:
        """Erases somebody."""
        request = identity_pb2.ErasePersonRequest(person_id=whom.id)
        await self.call(self.people.ErasePerson, request, (by or self.dpo).token)

    async def former(self, query: str, who: Colleague | None = None) -> list[str]:
        """The ids of people who left and match."""
        request = identity_pb2.ListFormerPeopleRequest(query=query)
        answer = await self.call(self.people.ListFormerPeople, request, (who or self.dpo).token)
        return [one.id for one in answer.people]

    async def differences(self) -> list[Any]:
        """What the checks of content and profiles find."""
        checks = [check for service in self.installation.services for check in service.checks]
        found = [await check.run() for check in checks if check.name.endswith("against keys")]
        assert len(found) == 2
        return [difference for one in found for difference in one.differences]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registrar]:
    async with at_work(tmp_path_factory.mktemp("erasing"), Registrar) as house:
        await house.claim()
        house.ada, house.bob = await house.colleague("Ada"), await house.colleague("Bob")
        house.dpo = await house.key_holder(ROLE_DATA_PROTECTION_OFFICER)
        house.officer = await house.key_holder(ROLE_SECURITY_OFFICER)
        yield house


async def test_who_is_erased_is_gone_everywhere_and_what_others_can_prove_stays(house: Registrar) -> None:
    email = f"{uuid.uuid4()}@example.org"
    mia = await house.colleague("Mia Leaver", email)
    role = identity_pb2.GrantRoleRequest(person_id=mia.id, role=ROLE_STAFF_REPRESENTATIVE)
    await house.administer(house.people.GrantRole, role)
    group_id, other = [await house.group(TWO_KEYS, house.bob, mia) for _ in range(2)]
    await house.post(group_id, by=mia)
    await house.post(other, by=mia)
    await house.post(group_id, by=house.ada)
    assert [post.body for post in await house.posts(house.bob, group_id)] == [SECRET] * 2
    proof = parse_receipt(await _receipt(house, group_id))

    assert (await refused(house.erase(mia))).id == "IDN-25"
    await house.end(mia)
    assert await house.former("mia lea") == [mia.id]
    for who in (house.bob, house.officer):
        assert (await refused(house.erase(mia, who))).id == "RPC-07"
        assert (await refused(house.former("", who))).id == "RPC-07"

    for _ in range(2):
        await house.erase(mia)
    assert await house.former("mia") == []
    asked = identity_pb2.GetPersonRequest(person_id=mia.id)
    person = (await house.call(house.people.GetPerson, asked, house.bob.token)).person
    assert (person.HasField("profile"), person.active, list(person.roles)) == (False, False, [])

    async def words_are_gone() -> bool:
        found = [await house.posts(house.bob, one) for one in (group_id, other)]
        hers = [post for posts in found for post in posts if post.author_id == mia.id]
        assert len(hers) == 2
        return all(post.erased and not post.body for post in hers)

    await eventually(words_are_gone)
    assert [post.body for post in await house.posts(house.bob, group_id) if post.author_id == house.ada.id] == [SECRET]
    for one in (group_id, other):
        assert await house.keys(one, mia.id, create=True) == []
    again = parse_receipt(await _receipt(house, group_id))
    assert (again.record, again.salt, again.index) == (proof.record, proof.salt, proof.index)
    assert await house.differences() == []

    back = identity_pb2.ReactivatePersonRequest(person_id=mia.id)
    assert (await refused(house.administer(house.people.ReactivatePerson, back))).id == "IDN-26"
    for absent in (False, True):
        assert (await refused(house.provision("Mia", email, only_if_absent=absent))).id == "IDN-26"
    acts, _ = await house.administration(size=200)
    assert [(one.kind, one.by_id, one.people) for one in acts if one.kind == Did.KIND_PEOPLE_ERASED] == [
        (Did.KIND_PEOPLE_ERASED, house.dpo.id, 1)
    ]


async def _receipt(house: Registrar, group_id: str) -> bytes:
    """What proves that Bob read the group, once there is one."""
    request = audit.ListAccessesRequest(group_id=group_id)
    found = bytearray()

    async def is_there() -> bool:
        entries = (await house.call(house.ledger.ListAccesses, request, house.bob.token)).entries
        reads = [one for one in entries if (one.reader_id, one.action) == (house.bob.id, ACTION_READ)]
        if not reads:
            return False
        asked = audit.GetReceiptRequest(group_id=group_id, access_id=reads[-1].access_id)
        try:
            found[:] = (await house.call(house.ledger.GetReceipt, asked, house.bob.token)).receipt
        except Exception as refusal:
            if getattr(refusal, "id", "") not in ("AUD-04", "AUD-05"):
                raise
            return False
        return True

    await eventually(is_there)
    return bytes(found)


async def test_an_erasure_that_was_interrupted_is_finished_by_asking_again(house: Registrar) -> None:
    tom = await house.colleague("Tom")
    group_id = await house.group(TWO_KEYS, tom)
    await house.post(group_id, by=tom)
    await house.end(tom)
    command_id = uuid.uuid4()
    await append_unconditionally(
        house.kernel.store,
        house.kernel.codec,
        f"user-{tom.id}",
        [PersonErased(person_id=tom.id, erased_by=house.dpo.id)],
        CommandContext(command_id, house.dpo.id, str(command_id)),
    )

    await eventually(lambda: _is_said(house, group_id, tom))
    assert [(one.key, one.kind) for one in await house.differences()] == [((tom.id,), "unexpected")]
    await house.erase(tom)
    assert await house.differences() == []


async def test_of_a_restored_vault_who_was_erased_is_erased_again(tmp_path: Path) -> None:
    async with at_work(tmp_path, Registrar) as house:
        await house.claim()
        house.dpo, mia = await house.key_holder(ROLE_DATA_PROTECTION_OFFICER), await house.colleague("Mia")
        house.ada = mia
        group_id = await house.group(TWO_KEYS)
        await house.post(group_id, by=mia)
        await house.end(mia)
        kept = [(vault, table, await _rows(vault, table)) for vault, table in _vaults(house)]
        await house.erase(mia)
        await eventually(lambda: _is_said(house, group_id, mia))
        assert await house.differences() == []
        for vault, table, rows in kept:
            async with vault.begin() as transaction:
                await transaction.execute(sa.delete(table))
                await transaction.execute(sa.insert(table), rows)
        assert {(one.key, one.kind) for one in await house.differences()} == {
            ((mia.id,), "unexpected"),
            ((f"{group_id}/{mia.id}",), "unexpected"),
        }
    async with at_work(tmp_path, Registrar) as house:
        await eventually(lambda: _is_whole(house))


def _vaults(house: Registrar) -> Sequence[tuple[Database, sa.Table]]:
    kernel = house.kernel
    people = kernel.vault("identity", identity_vault.METADATA), identity_vault.PERSON_KEYS
    return people, (kernel.vault("groups", groups_keys.METADATA), groups_keys.CONTENT_KEYS)


async def _rows(vault: Database, table: sa.Table) -> list[dict[str, Any]]:
    async with vault.read() as connection:
        return [dict(row._mapping) for row in await connection.execute(sa.select(table))]


async def _is_said(house: Registrar, group_id: str, whom: Colleague) -> bool:
    last = (await house.of(group_id))[-1]
    return isinstance(last, KeysDestroyed) and last.author_id == whom.id


async def _is_whole(house: Registrar) -> bool:
    return await house.differences() == []
