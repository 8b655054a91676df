"""The trail of a break-glass as an auditor sees it: both keys, the reason, the end, and each access, and no other."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.audit_pb2_grpc import AuditQueryServiceStub
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_DATA_PROTECTION_OFFICER,
    Access,
)
from regard.audit.v1.events_pb2 import AccessesRecorded as Recorded
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT, PURPOSE_LEGAL_OBLIGATION
from regard.common.v1.options_pb2 import (
    ROLE_AUDITOR,
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_SECURITY_OFFICER,
    ROLE_STAFF_REPRESENTATIVE,
)
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.rules_pb2 import BreakGlassScope

from regard_client.verify.receipt import parse_receipt
from services.common.decider import CommandContext, append_unconditionally
from tests.contract.streaming import eventually
from tests.contract.test_break_glass import SECRET, TWO_KEYS, WHY, Colleague, House, at_work
from tests.contract.test_identity import Refusal, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Audited(House):
    """A house with an auditor."""

    auditor: Colleague

    async def staff(self) -> None:
        """Lets everyone in: two members, those who hold the keys, and the auditor."""
        await self.claim()
        self.ada, self.bob = await self.colleague("Ada"), await self.colleague("Bob")
        self.officer = await self.key_holder(ROLE_SECURITY_OFFICER)
        self.dpo = await self.key_holder(ROLE_DATA_PROTECTION_OFFICER)
        self.delegate = await self.key_holder(ROLE_STAFF_REPRESENTATIVE)
        self.auditor = await self.key_holder(ROLE_AUDITOR)

    async def trail(self, break_glass_id: str, who: Colleague | None = None, **more: Any) -> Any:
        """What an auditor is told of a break-glass, all pages together."""
        query, asker = AuditQueryServiceStub(self.channel), who or self.auditor
        given = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-20", **more}
        request = pb.GetBreakGlassTrailRequest(break_glass_id=break_glass_id, **given)
        answer = page = await self.call(query.GetBreakGlassTrail, request, asker.token)
        while page.page.next_token:
            request.page.token = page.page.next_token
            page = await self.call(query.GetBreakGlassTrail, request, asker.token)
            answer.accesses.extend(page.accesses)
        return answer

    async def recorded(self, group_id: str, **like: Any) -> list[Access]:
        """The accesses on a group's stream that have these values."""
        events: list[Message] = await self.events(f"access-{group_id}")
        accesses = [one for event in events if isinstance(event, Recorded) for one in event.accesses]
        return [one for one in accesses if all(getattr(one, name) == value for name, value in like.items())]

    async def shown(self, break_glass_id: str, count: int, **more: Any) -> Any:
        """The trail, once it has so many accesses."""
        found: list[Any] = []

        async def is_shown() -> bool:
            found[:] = [await self.trail(break_glass_id, **more)]
            return len(found[0].accesses) == count

        await eventually(is_shown)
        return found[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Audited]:
    async with at_work(tmp_path_factory.mktemp("trails"), Audited) as house:
        await house.staff()
        yield house


async def test_it_has_both_keys_the_reason_the_end_and_each_access(house: Audited) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    post_id = await house.post(group_id)
    scope = BreakGlassScope(object_ids=[post_id])
    id = await house.opened(group_id, scope=scope)
    for _ in range(2):
        assert await house.read(house.officer, group_id) == [SECRET]
    assert await house.read(house.bob, group_id) == [SECRET]
    await house.glass_of(house.delegate, "End", break_glass_id=id)

    trail = await house.shown(id, 2)
    case: BreakGlassCase = trail.case
    assert (case.group_id, case.state) == (group_id, BreakGlassCase.STATE_ENDED)
    assert (case.requested_by, case.requester_role) == (house.officer.id, ROLE_SECURITY_OFFICER)
    assert (case.approved_by, case.approver_role) == (house.dpo.id, ROLE_DATA_PROTECTION_OFFICER)
    assert (case.reason, case.reference, case.scope) == (WHY["reason"], WHY["reference"], scope)
    assert case.ended_by == house.delegate.id
    moments = [case.requested_at, trail.approved_at, case.opened_at, case.ended_at, case.ends_at]
    assert moments == sorted(moments, key=lambda at: at.ToMicroseconds())
    assert case == (await house.cases(house.ada, group_id))[id], "as members see it"
    for one in trail.accesses:
        assert (one.reader_id, one.reader_kind, one.action) == (house.officer.id, READER_KIND_BREAK_GLASS, ACTION_READ)
        assert (one.break_glass_id, post_id) == (id, one.objects[0].ids[0])
    assert trail.accesses[0].at.ToMicroseconds() >= trail.accesses[1].at.ToMicroseconds()
    request = pb.GetReceiptRequest(group_id=group_id, access_id=trail.accesses[0].access_id)
    receipts: list[bytes] = []

    async def is_provable() -> bool:
        try:
            receipts.append((await house.call(house.ledger.GetReceipt, request, house.bob.token)).receipt)
        except Refusal as refusal:
            if refusal.id not in ("AUD-04", "AUD-05"):  # not in the log yet
                raise
        return bool(receipts)

    await eventually(is_provable)
    assert f'"break_glass_id":"{id}"'.encode() in parse_receipt(receipts[0]).record, "and proven to be under it"
    told = await house.recorded(group_id, reader_kind=READER_KIND_AUDITOR)
    assert {(one.reader_id, one.purpose_reference) for one in told} == {(house.auditor.id, "2026-20")}


async def test_each_break_glass_of_one_reader_has_its_own_accesses_page_by_page(house: Audited) -> None:
    group_id = await house.group(TWO_KEYS)
    await house.post(group_id)
    made = {}
    for times in (1, 3):
        id = await house.opened(group_id)
        made[id] = times
        for _ in range(times):
            await house.read(house.officer, group_id)
        await house.glass_of(house.delegate, "End", break_glass_id=id)
    for id, times in made.items():
        trail = await house.shown(id, times, page={"size": 2})
        assert {one.break_glass_id for one in trail.accesses} == {id}
        assert len({one.access_id for one in trail.accesses}) == times


async def test_accesses_that_do_not_say_their_break_glass_are_told_by_when_they_were_made(house: Audited) -> None:
    group_id, made = await house.group(TWO_KEYS), {}
    for number in range(2):
        id = await house.opened(group_id)
        for reference in (WHY["reference"], "another case"):
            access = Access(
                access_id=str(uuid.uuid4()),
                reader_id=house.officer.id,
                reader_kind=READER_KIND_BREAK_GLASS,
                action=ACTION_READ,
                purpose=WHY["reason"],
                purpose_reference=reference,
                at=house.kernel.clock(),
            )
            event = Recorded(group_id=group_id, accesses=[access])
            context, kernel = CommandContext(uuid.uuid4(), house.officer.id, "test"), house.kernel
            await append_unconditionally(kernel.store, kernel.codec, f"access-{group_id}", [event], context)
            if reference == WHY["reference"]:
                made[id] = access.access_id
        await house.glass_of(house.delegate, "End", break_glass_id=id)
        assert len(made) == number + 1
    for id, access_id in made.items():
        trail = await house.shown(id, 1)
        assert [(one.access_id, one.break_glass_id) for one in trail.accesses] == [(access_id, "")]


async def test_one_that_was_refused_never_opened_and_its_group_learns_only_that_an_auditor_looked(
    house: Audited,
) -> None:
    group_id = await house.group(TWO_KEYS)
    id = await house.asked(group_id, reason=PURPOSE_LEGAL_OBLIGATION)
    trail = await house.trail(id)
    assert (trail.case.state, trail.case.approved_by) == (BreakGlassCase.STATE_REQUESTED, "")
    await house.glass_of(house.delegate, "Refuse", break_glass_id=id)
    trail = await house.trail(id)
    assert (trail.case.state, trail.case.ended_by) == (BreakGlassCase.STATE_REFUSED, house.delegate.id)
    assert not trail.HasField("approved_at") and not trail.case.HasField("opened_at") and not trail.accesses
    told = await house.recorded(group_id)
    assert len(told) == 2
    assert not any(id in str(one) or house.officer.id in str(one) for one in told)


async def test_the_data_protection_officer_sees_a_trail_and_nothing_else_of_the_ledger(house: Audited) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    await house.post(group_id)
    id = await house.opened(group_id)
    await house.read(house.officer, group_id)
    await house.shown(id, 1, who=house.dpo)
    (told, *_) = await house.recorded(group_id, reader_id=house.dpo.id)
    assert (told.reader_kind, told.purpose_reference) == (READER_KIND_DATA_PROTECTION_OFFICER, "2026-20")
    search = pb.SearchAccessesRequest(group_ids=[group_id], purpose=PURPOSE_INTERNAL_AUDIT, purpose_reference="2026-20")
    query = AuditQueryServiceStub(house.channel)
    assert (await refused(house.call(query.SearchAccesses, search, house.dpo.token))).id == "RPC-07"
    listing = pb.ListAccessesRequest(group_id=group_id)
    assert (await refused(house.call(house.ledger.ListAccesses, listing, house.dpo.token))).id == "ACC-01"


async def test_only_these_two_roles_ask_and_for_a_reason(house: Audited) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    id = await house.asked(group_id)
    for who in (house.ada, house.bob, house.officer, house.delegate):
        assert (await refused(house.trail(id, who))).id == "RPC-07"
    assert (await refused(house.trail(id, purpose=0))).id == "RPC-02"
    assert (await refused(house.trail(id, purpose_reference=""))).id == "RPC-02"
    assert (await refused(house.trail(id, purpose_reference=" "))).id == "ACC-07"
    assert (await refused(house.trail(str(uuid.uuid4())))).id == "AUD-32"
    assert await house.recorded(group_id) == []
