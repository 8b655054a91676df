"""What a guard tells of the accesses that it made durable, to be compared with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from regard.audit.v1.events_pb2 import Access, AccessesCounted
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL

from services.access import Action, Guard, Object
from services.access.counting import SPAN
from services.common.errors import Refused
from services.common.rpc import Caller
from tests.guarded import CODEC, NOON, Site, eventually, person

AUTHOR = person()


async def told(site: Site) -> list[AccessesCounted]:
    """What all guards told, in order."""
    found = [event async for event in site.store.read_all(prefixes=("guard-",))]
    return [event.message for event in CODEC.decode_all(found)]  # type: ignore[misc]


async def look(guard: Guard, who: str, group_id: str, *posts: str) -> None:
    """An access to each."""
    for post in posts:
        sight = await guard.sight(Caller(who), group_id, Action.READ)
        await guard.enter(sight, [Object("post", post, LEVEL_CONFIDENTIAL, AUTHOR)])


def summed(accesses: Sequence[Access]) -> bytes:
    """The digest as the contract describes it."""
    numbers = [int.from_bytes(sha256(one.SerializeToString(deterministic=True)).digest(), "big") for one in accesses]
    return (sum(numbers) % 2**256).to_bytes(32, "big")


async def test_what_is_durable_is_counted_by_group_and_five_minutes() -> None:
    site, awa = Site(), person()
    one, two, guard = await site.group(awa), await site.group(awa), site.guard()
    await look(guard, awa, one, "p1", "p2")
    await look(guard, awa, two, "p1")
    site.clock.move(minutes=7)
    await look(guard, awa, one, "p3")
    assert await guard.tell_counts()
    (event,) = await told(site)
    assert (event.up_to.ToDatetime(NOON.tzinfo), event.ended) == (NOON + SPAN, False)
    first, second = await site.accesses(one), await site.accesses(two)
    counted = {(one.group_id, one.span.ToDatetime(NOON.tzinfo)): (one.accesses, one.digest) for one in event.counts}
    assert counted == {
        (one, NOON): (2, summed(first[:2])),
        (two, NOON): (1, summed(second)),
        (one, NOON + SPAN): (1, summed(first[2:])),
    }


async def test_a_count_is_told_whole_whenever_it_changed_and_not_otherwise() -> None:
    site, awa = Site(), person()
    one, two, guard = await site.group(awa), await site.group(awa), site.guard()
    await look(guard, awa, one, "p1")
    await look(guard, awa, two, "p1")
    await guard.tell_counts()
    await look(guard, awa, one, "p2")
    await guard.tell_counts(ended=True)
    *_, last = await told(site)
    assert [(count.group_id, count.accesses) for count in last.counts] == [(one, 2)]
    assert (last.ended, last.up_to) == (True, last.at)
    assert len({event.guard_id for event in await told(site)}) == 1


async def test_what_could_not_be_told_is_told_the_next_time() -> None:
    site, awa = Site(), person()
    group_id, guard = await site.group(awa), site.guard()
    await look(guard, awa, group_id, "p1")
    site.store.cut()
    assert not await guard.tell_counts()
    site.store.mend()
    assert await guard.tell_counts()
    (event,) = await told(site)
    assert [count.accesses for count in event.counts] == [1]


async def test_what_may_be_recorded_is_told_apart() -> None:
    site, awa = Site(), person()
    group_id, guard = await site.group(awa), site.guard()
    site.store.appends_to_lose = 10**6
    with pytest.raises(Refused, match="ACC-09"):
        await look(guard, awa, group_id, "p1")
    site.store.appends_to_lose = 0
    await look(guard, awa, group_id, "p2")
    await guard.tell_counts()
    (event,) = await told(site)
    assert [(count.accesses, count.unsure) for count in event.counts] == [(1, 1)]


async def test_a_guard_tells_as_it_begins_and_as_it_ends() -> None:
    site, awa = Site(), person()
    group_id = await site.group(awa)
    async with site.watching() as guard:
        await eventually(lambda: _told_once(site))
        await look(guard, awa, group_id, "p1")
    first, last = await told(site)
    assert (list(first.counts), first.ended) == ([], False)
    assert ([count.accesses for count in last.counts], last.ended) == ([1], True)
    assert f"guard-{last.guard_id}" in site.store.retained


async def _told_once(site: Site) -> bool:
    return len(await told(site)) == 1
