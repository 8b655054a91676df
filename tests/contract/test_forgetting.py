"""Accesses that are too old, or to groups that were deleted, go from the ledger and the log, and do not come back."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ERASURE_EXPIRED, ERASURE_GROUP_DELETED, AccessesErased
from regard.common.v1.common_pb2 import PURPOSE_LEGAL_OBLIGATION
from regard.common.v1.options_pb2 import ROLE_DATA_PROTECTION_OFFICER, ROLE_SECURITY_OFFICER
from regard.groups.v1.events_pb2 import BreakGlassApproved, BreakGlassDisclosed, BreakGlassRequested, GroupDeleted
from regard.groups.v1.rules_pb2 import BREAK_GLASS_TWO_KEYS, READERS_SHOWN_EVERYONE_BY_NAME

from services.access import Action, Object
from services.access.cases import HEADER
from services.audit.log.erasing import Erasing
from services.audit.log.forgetting import Forgetting, Retention
from services.audit.log.vault import METADATA, RECORDS, Vault
from services.audit.views import AUTHORS, DELETED, HEADS, LEDGER, OBJECTS
from services.common.check import check
from services.common.database import Database
from services.common.errors import Refused
from services.common.moments import timestamp_of
from services.common.projection import rebuild
from services.common.rpc import Caller, acting
from services.common.settings import load_settings
from tests.contract.test_audit import Audit, audit, post
from tests.contract.test_receipts import receipt, refused, verified
from tests.guarded import CODEC, eventually, person

__all__ = ["audit"]

EVERYONE = {"readers": READERS_SHOWN_EVERYONE_BY_NAME}
BREAKABLE = {**EVERYONE, "break_glass": BREAK_GLASS_TWO_KEYS}


def forgetting(audit: Audit, **settings: object) -> Forgetting:
    """What keeps to the retention, as another process of audit has it."""
    kernel = audit.kernel
    kept = Retention.of(load_settings(data=kernel.settings.data, **settings))
    erasing = Erasing(kernel.vault("audit", METADATA), audit.clock)
    return Forgetting(kernel.store, CODEC, kernel.database("audit"), erasing, kept)


async def objects(database: Database) -> set[str]:
    """What the ledger says was accessed; its tables agree on the places."""
    async with database.read() as connection:
        places = {tuple(row) for row in await connection.execute(sa.select(LEDGER.c.group_id, LEDGER.c.revision))}
        for table in (OBJECTS, AUTHORS):
            theirs = await connection.execute(sa.select(table.c.group_id, table.c.revision))
            assert {tuple(row) for row in theirs} <= places
        return set((await connection.execute(sa.select(OBJECTS.c.object_id))).scalars())


async def agrees(audit: Audit, folder: Path) -> set[str]:
    """That every check is content; what a ledger says was accessed that is filled anew."""
    kernel = audit.kernel
    found = [await check(audit.view, kernel.database("audit"), kernel.store, CODEC)]  # type: ignore[arg-type]
    found += [await one.run() for one in audit.service.checks]
    assert [one.differences for one in found] == [()] * 3
    database = Database(f"sqlite+aiosqlite:///{folder}/anew.sqlite")
    try:
        await rebuild(audit.view, kernel.store, CODEC, database)  # type: ignore[arg-type]
        return await objects(database)
    finally:
        await database.dispose()
        (folder / "anew.sqlite").unlink()


async def erasures(audit: Audit, group_id: str) -> list[AccessesErased]:
    """What was said of erasing, as events."""
    history = await audit.store.inner.load(f"ledger-{group_id}")
    return [event.message for event in CODEC.decode_all(history.events)]  # type: ignore[misc]


async def written(audit: Audit, group_id: str, access_id: str) -> bool:
    """Whether the log knows the access."""
    return await Vault(audit.kernel.vault("audit", METADATA)).find(group_id, access_id) is not None


async def in_the_log(audit: Audit, *accessed: tuple[str, str]) -> list[bytes]:
    """The receipts of a group's first access each, once there is one: (who looked, group)."""
    found = []
    for who, group_id in accessed:
        await audit.shown(group_id)
        first = (await audit.accesses(group_id))[0]
        # Whoever asks before it is written down is not yet known to have looked, and asking is then an access.
        await eventually(lambda g=group_id, a=first.access_id: written(audit, g, a))
        found.append(await receipt(audit, who, group_id, first.access_id))
    return found


async def under_seal(audit: Audit, group_id: str, told_at: datetime) -> tuple[str, Caller]:
    """A break-glass of the group of which members are told then, and who may read under it while naming it."""
    id, reader = str(uuid.uuid4()), Caller(person(), frozenset({ROLE_SECURITY_OFFICER}))
    asked = BreakGlassRequested(
        break_glass_id=id,
        group_id=group_id,
        requested_by=reader.person_id,
        role=ROLE_SECURITY_OFFICER,
        reason=PURPOSE_LEGAL_OBLIGATION,
        reference="case 7",
        ends_at=timestamp_of(told_at),
        disclose_at=timestamp_of(told_at),
        delay_reason="an inquiry",
    )
    approved = BreakGlassApproved(break_glass_id=id, approved_by=person(), role=ROLE_DATA_PROTECTION_OFFICER)
    await audit.write(f"breakglass-{id}", asked, approved)
    return id, reader


async def read_under_seal(audit: Audit, id: str, reader: Caller, group_id: str, *objects: Object) -> str:
    """An access under it, once it is shown to those who may know; its id."""
    with acting(reader, {HEADER: id}):
        sight = await audit.shared.sight(reader, group_id, Action.READ)
        access_id = (await audit.shared.enter(sight, objects)).access_id
    await audit.shown(id)
    return access_id


async def test_what_is_too_old_goes_and_stays_away_however_the_ledger_is_filled(audit: Audit, tmp_path: Path) -> None:
    awa, ben = person(), person()
    old, young = await audit.group(awa, ben, **EVERYONE), await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, old, post("old", awa))
    await in_the_log(audit, (ben, old))
    (first,) = await audit.accesses(old)
    audit.clock.move(days=200)
    await audit.read(ben, old, post("kept", awa))
    await audit.read(ben, young, post("young", awa))
    (proof,) = await in_the_log(audit, (ben, young))
    await audit.shown(old)
    mine, database = forgetting(audit), audit.kernel.database("audit")
    assert await mine.turn() == 0
    audit.clock.move(days=165, hours=13)
    assert await mine.turn() == 1
    (said,) = await erasures(audit, old)
    assert (said.reason, said.up_to_revision, said.requested_by, said.months) == (ERASURE_EXPIRED, 0, "retention", 12)
    assert await erasures(audit, young) == []

    async def gone() -> bool:
        return "old" not in await objects(database)

    await eventually(gone)
    assert await objects(database) == await agrees(audit, tmp_path) == {"kept", "young"}
    await verified(audit, proof)
    await verified(audit, (await in_the_log(audit, (ben, young)))[0])
    assert await mine.turn() == 0
    assert len(await erasures(audit, old)) == 1
    # The event store lets go of the stream's beginning, and later of all of it.
    audit.clock.move(days=1)
    assert await agrees(audit, tmp_path) == {"kept", "young"}
    audit.clock.move(days=199)
    assert await mine.turn() == 2

    async def empty() -> bool:
        return not await objects(database)

    await eventually(empty)
    audit.clock.move(days=2)
    assert await audit.accesses(old) == []
    assert await agrees(audit, tmp_path) == set()
    async with database.read() as connection:
        heads = {row.group_id: row.revision for row in await connection.execute(sa.select(HEADS))}
    assert heads == {old: 1, young: 0}
    await refused(audit, ben, old, first.access_id, "AUD-06")


async def test_accesses_to_a_deleted_group_go_also_those_that_come_late(audit: Audit, tmp_path: Path) -> None:
    awa, ben = person(), person()
    doomed, other = await audit.group(awa, ben, **EVERYONE), await audit.group(awa, ben, **EVERYONE)
    for group_id in (doomed, other):
        await audit.read(ben, group_id, post(group_id, awa))
    first, proof = await in_the_log(audit, (ben, doomed), (ben, other))
    mine, database = forgetting(audit), audit.kernel.database("audit")
    assert await mine.turn() == 0
    # A call that was let in before the group was deleted is recorded after it.
    late = await audit.shared.sight(Caller(ben), doomed, Action.READ)
    await audit.write(f"group-{doomed}", GroupDeleted(group_id=doomed, deleted_by=awa))

    async def known() -> bool:
        async with database.read() as connection:
            return doomed in (await connection.execute(sa.select(DELETED.c.group_id))).scalars().all()

    await eventually(known)
    assert await mine.turn() == 1
    await audit.shared.enter(late, [post("late", awa)])

    async def again() -> bool:
        return await mine.turn() == 1  # as soon as it is in the log

    await eventually(again)

    async def gone() -> bool:
        return await objects(database) == {other}

    await eventually(gone)
    assert await agrees(audit, tmp_path) == {other}
    said = await erasures(audit, doomed)
    assert [(one.reason, one.requested_by, one.up_to_revision) for one in said] == [
        (ERASURE_GROUP_DELETED, awa, 0),
        (ERASURE_GROUP_DELETED, awa, 1),
    ]
    async with audit.kernel.vault("audit", METADATA).read() as connection:
        rows = (await connection.execute(sa.select(RECORDS).order_by(RECORDS.c.number))).all()
    stones = [json.loads(row.record) for row in rows if not row.group_id]
    assert [(stone["reason"], stone["requested_by"]) for stone in stones] == [("group deleted", awa)] * 2
    assert {(row.salt, row.record) for row in rows if row.group_id == doomed} == {(None, None)}
    await verified(audit, first)  # what somebody took away cannot be called back
    await verified(audit, proof)
    await verified(audit, (await in_the_log(audit, (ben, other)))[0])


def test_more_than_a_year_takes_a_reason(tmp_path: Path) -> None:
    for why in ("", "  "):
        with pytest.raises(Refused) as caught:
            Retention.of(load_settings(data=tmp_path, ledger_months=13, ledger_justification=why))
        assert caught.value.refusal.id == "AUD-50"
    assert Retention.of(load_settings(data=tmp_path, ledger_months=36, ledger_justification="law")).period.days == 1095
    assert Retention.of(load_settings(data=tmp_path, ledger_months=1)).period.days == 30


async def test_a_longer_retention_counts_and_is_said(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, group_id, post("p", awa))
    await in_the_log(audit, (ben, group_id))
    audit.clock.move(days=365 + 364)
    kept = forgetting(audit, ledger_months=24, ledger_justification="works agreement 12")
    assert await kept.turn() == 0
    audit.clock.move(days=2)
    assert await kept.turn() == 1
    (said,) = await erasures(audit, group_id)
    assert (said.months, said.justification) == (24, "works agreement 12")


async def test_what_members_are_told_of_later_is_kept_for_as_long_from_then(audit: Audit, tmp_path: Path) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **BREAKABLE)
    id, reader = await under_seal(audit, group_id, audit.clock.now + timedelta(days=80))
    access_id = await read_under_seal(audit, id, reader, group_id, post("p", awa))
    await eventually(lambda: written(audit, id, access_id))
    await receipt(audit, reader.person_id, group_id, access_id)
    mine = forgetting(audit, ledger_months=2)
    audit.clock.move(days=70)
    assert await mine.turn() == 0, "it is not told yet"
    audit.clock.move(days=11)
    await audit.write(f"breakglass-{id}", BreakGlassDisclosed(break_glass_id=id, group_id=group_id))

    async def told() -> bool:
        return access_id in [one.access_id for one in (await audit.list(ben, group_id)).entries]

    await eventually(told)
    audit.clock.move(days=50)
    assert await mine.turn() == 0, "members have had no two months to read it"
    assert await agrees(audit, tmp_path) >= {"p"}
    audit.clock.move(days=20)
    assert await mine.turn() >= 1
    await refused(audit, ben, group_id, access_id, "AUD-06")
