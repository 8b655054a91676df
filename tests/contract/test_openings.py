"""What opens the log, as an auditor gets it: every entry is counted, and every group sees that it was opened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import ACTION_SEARCH_LEDGER
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT
from regard.groups.v1.events_pb2 import BreakGlassDisclosed, GroupDeleted
from regard.groups.v1.rules_pb2 import GROUP_KIND_DIRECT

from regard_client.log import LastSeen, TransparencyLog, fetch
from regard_client.monitor import Counts, Opening, explain, explained_up_to, verified_entries
from regard_client.verify.policy import Policy, parse_policy
from services.common.errors import Refused
from services.common.http import serve_http
from services.common.rpc import Caller, acting
from tests.contract.test_audit import Audit, audit, auditor, post
from tests.contract.test_forgetting import (
    BREAKABLE,
    EVERYONE,
    forgetting,
    in_the_log,
    read_under_seal,
    under_seal,
)
from tests.guarded import eventually, person

__all__ = ["audit"]

WHY = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-14"}


async def opened(audit: Audit, who: Caller, **asked: int) -> tuple[bytes, list[Opening]]:
    """The checkpoint and the openings that an auditor gets."""
    checkpoint, found = b"", []
    with acting(who):
        async for frame in audit.query.OpenLog(pb.OpenLogRequest(**WHY, **asked), None):  # type: ignore[arg-type]
            checkpoint = checkpoint or frame.checkpoint
            found += [Opening(one.index, one.salt, one.record) for one in frame.openings]
    return checkpoint, found


async def read_whole(
    audit: Audit, folder: Path, count: Callable[[Policy, Iterator[tuple[int, bytes]]], Counts]
) -> Counts:
    """What a monitor counts, by the policy, in the entries of the log as it is published."""
    assert audit.service.http is not None
    async with serve_http(audit.service.http, "127.0.0.1") as server:

        def counted() -> Counts:
            url = f"http://127.0.0.1:{server.port}/log"
            with TransparencyLog(url, policy, LastSeen(folder)) as log:
                return count(policy, verified_entries(log, log.look().checkpoint))

        policy = parse_policy(await asyncio.to_thread(fetch, f"http://127.0.0.1:{server.port}/log/policy"))
        return await asyncio.to_thread(counted)


async def counted(audit: Audit, folder: Path, checkpoint: bytes, openings: list[Opening], in_days: float = 0) -> Counts:
    """What a monitor counts with them, so many days from now, of a log that has grown since."""
    at = datetime.now(UTC) + timedelta(days=in_days)
    return await read_whole(
        audit,
        folder,
        lambda policy, entries: explained_up_to(entries, policy.open(checkpoint).checkpoint, openings, at),
    )


async def told(audit: Audit, group_id: str, who: Caller) -> list[str]:
    """How often the group was told that they searched its ledger: the references that they gave."""
    accesses = [one for one in await audit.accesses(group_id) if one.reader_id == who.person_id]
    return [one.purpose_reference for one in accesses if one.action == ACTION_SEARCH_LEDGER]


async def is_told_of(audit: Audit) -> bool:
    """Whether what was erased can be told from what nobody explains."""
    try:
        await opened(audit, auditor())
    except Refused as refused:
        if refused.refusal.id != "AUD-52":
            raise
        return False
    return True


async def test_every_entry_is_counted_and_every_group_sees_it(audit: Audit, tmp_path: Path) -> None:
    awa, ben, looking = person(), person(), auditor()
    working = [await audit.group(awa, ben, **EVERYONE) for _ in range(3)]
    direct = await audit.group(awa, ben, kind=GROUP_KIND_DIRECT)
    gone = await audit.group(awa, ben, **EVERYONE)
    for group_id in (*working, direct, gone):
        await audit.read(ben, group_id, post(group_id, awa))
    await in_the_log(audit, *((ben, group_id) for group_id in (*working, direct, gone)))
    await audit.write(f"group-{gone}", GroupDeleted(group_id=gone, deleted_by=awa))
    mine = forgetting(audit)

    async def erased() -> bool:
        return await mine.turn() == 1

    await eventually(erased)
    await eventually(lambda: is_told_of(audit))
    checkpoint, openings = await opened(audit, looking)
    found = await counted(audit, tmp_path, checkpoint, openings)
    # Of the rows one is the tombstone, which opens, one is what it stands for, and one is the conversation's.
    assert (found.erased, found.withheld, found.sealed, found.unexplained) == (1, 1, 0, 0)
    assert found.open >= 4
    assert found.chaff > 0
    for group_id in working:
        assert await told(audit, group_id, looking) == ["2026-14"]
    assert await told(audit, direct, looking) == await told(audit, gone, looking) == []
    text = b"".join(one.record for one in openings)
    assert all(group_id.encode() in text for group_id in working)
    assert direct.encode() not in text
    # Opening it is an access like others: the groups are told each time.
    await opened(audit, looking)
    assert await told(audit, working[0], looking) == ["2026-14"] * 2
    without = [one for one in openings if one.record != openings[0].record]
    assert (await counted(audit, tmp_path, checkpoint, without)).unexplained == 1


async def test_everybody_is_told_once_a_day_what_a_monitor_counts(audit: Audit, tmp_path: Path) -> None:
    awa, ben = person(), person()
    group_id, gone = await audit.group(awa, ben, **BREAKABLE), await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, gone, post("p1", awa))
    await in_the_log(audit, (ben, gone))
    await audit.write(f"group-{gone}", GroupDeleted(group_id=gone, deleted_by=awa))
    mine = forgetting(audit)

    async def erased() -> bool:
        return await mine.turn() == 1

    await eventually(erased)
    id, reader = await under_seal(audit, group_id, audit.clock.now + timedelta(days=30))
    for number in range(3):
        await read_under_seal(audit, id, reader, group_id, post(f"p{number}", awa))
    await audit.list(awa, group_id)
    await in_the_log(audit, (awa, group_id))
    await eventually(lambda: is_told_of(audit))

    async def is_sealed() -> bool:
        _, openings = await opened(audit, auditor())
        return not any(one.withheld for one in openings) and any(b'"sealed"' in one.record for one in openings)

    await eventually(is_sealed)

    async def ask() -> pb.CountEntriesResponse:
        with acting(Caller(person())):
            return await audit.ledger.CountEntries(pb.CountEntriesRequest(), None)  # type: ignore[no-any-return]

    today = await ask()
    assert (today.entries, today.open, today.ledger_readings) == (0, 0, 0), "today is not counted yet"
    audit.clock.move(days=1)
    told = await ask()
    assert (told.erased, told.sealed, told.ledger_readings) == (1, 3, 1)
    assert told.open + told.chaff + told.sealed + told.erased == told.entries
    _, openings = await opened(audit, auditor())
    given = [one for one in openings if one.index < told.entries]
    found = await read_whole(
        audit,
        tmp_path,
        lambda _, entries: explain((one for one in entries if one[0] < told.entries), given, audit.clock.now),
    )
    assert found == Counts(told.open, told.chaff, told.sealed, told.erased, withheld=0, unexplained=0)
    await audit.read(ben, group_id, post("more", awa))
    await in_the_log(audit, (awa, group_id))
    assert await ask() == told, "until tomorrow it stays as it is"


async def test_nothing_is_opened_that_could_not_be_recorded(audit: Audit) -> None:
    awa, ben, looking = person(), person(), auditor()
    group_id = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, group_id, post("p1", awa))
    await in_the_log(audit, (ben, group_id))
    audit.store.appends_to_lose = 10**6
    with acting(looking):
        frames = audit.query.OpenLog(pb.OpenLogRequest(**WHY), None)
        assert not (await anext(frames)).openings
        with pytest.raises(Refused) as caught:
            await anext(frames)
    audit.store.appends_to_lose = 0
    assert caught.value.refusal.id == "ACC-09"


@pytest.mark.parametrize("asked", [{"size": 10**9}, {"first": 10**9}])
async def test_only_what_is_published_is_opened(audit: Audit, asked: dict[str, int]) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, group_id, post("p1", awa))
    await in_the_log(audit, (ben, group_id))
    with pytest.raises(Refused) as caught:
        await opened(audit, auditor(), **asked)
    assert caught.value.refusal.id == "AUD-51"
    _, some = await opened(audit, auditor(), first=1, size=4)
    assert [one.index for one in some] == [1, 2, 3]


async def test_what_members_are_told_of_later_is_counted_until_its_date_and_open_after_it(
    audit: Audit, tmp_path: Path
) -> None:
    awa, ben, looking = person(), person(), auditor()
    group_id = await audit.group(awa, ben, **BREAKABLE)
    await audit.read(ben, group_id, post("before", awa))
    await in_the_log(audit, (ben, group_id))
    told_at = datetime.now(UTC) + timedelta(days=30)
    id, reader = await under_seal(audit, group_id, told_at)
    made = [await read_under_seal(audit, id, reader, group_id, post(f"p{number}", awa)) for number in range(3)]

    async def is_sealed() -> bool:
        checkpoint, openings = await opened(audit, looking)
        found = await counted(audit, tmp_path, checkpoint, openings)
        assert found.unexplained == 0, "withheld until a seal is in the log"
        return found.sealed == 3

    await eventually(is_sealed)
    checkpoint, openings = await opened(audit, looking)
    records = [json.loads(one.record) for one in openings if one.record]
    assert not any(word in str(records) for word in (id, reader.person_id, *made))
    seals = [one for one in records if one["kind"] == "sealed"]
    assert {tuple(sorted(one)) for one in seals} == {("kind", "leaves", "until")}
    assert {datetime.fromisoformat(one["until"]) - told_at for one in seals} == {timedelta(hours=1)}
    after = await counted(audit, tmp_path, checkpoint, openings, in_days=31)
    assert (after.sealed, after.unexplained) == (0, 3), "a seal explains nothing after its date"

    await audit.write(f"breakglass-{id}", BreakGlassDisclosed(break_glass_id=id, group_id=group_id))

    async def is_open() -> bool:
        _, openings = await opened(audit, looking)
        return all(any(one.encode() in opening.record for opening in openings) for one in made)

    await eventually(is_open)
    checkpoint, openings = await opened(audit, looking)
    found = await counted(audit, tmp_path, checkpoint, openings, in_days=31)
    assert (found.sealed, found.unexplained) == (0, 0)
    assert [one.differences for one in [await check.run() for check in audit.service.checks]] == [(), ()]
