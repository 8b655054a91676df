"""kill -9 of the event store while people read: whatever was opened is recorded, and the record has no gap."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.access import Guard
from services.common.clock import system_clock
from services.common.errors import Refused
from services.common.eventstore import KurrentEventStore
from tests.faults.rounds import rounds, seeded
from tests.faults.test_eventstore_kill import _process
from tests.guarded import CODEC, TEXT, Post, Site, person, read, touched

READERS = 8
WAIT_S = 60.0


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_what_was_opened_before_kill_9_is_in_the_record_after_it(tmp_path: Path) -> None:
    draw, site = seeded(), Site()
    readers, author, group_id = [person() for _ in range(READERS)], person(), ""
    posts: list[Post] = []
    opened: set[tuple[str, str]] = set()
    refusals: set[str] = set()
    killed = asyncio.Event()

    async def reading(guard: Guard, who: str) -> None:
        while True:
            post = draw.choice(posts)
            try:
                assert await read(guard, who, group_id, post) == [TEXT]
            except Refused as refused:
                refusals.add(refused.refusal.id)
                if killed.is_set():
                    return
                continue
            opened.add((who, post.object.id))

    for round_ in range(rounds(3, of=50)):
        async with _process(tmp_path) as (process, uri):
            site.store.inner = store = KurrentEventStore(uri)  # type: ignore[assignment]
            killed.clear()
            guard = Guard(store, CODEC, site.keys.fetch, system_clock)  # type: ignore[arg-type]
            group_id = group_id or await site.group(author, *readers)
            posts = [await site.post(guard, group_id, author, TEXT) for _ in range(100)]
            running = [asyncio.ensure_future(reading(guard, who)) for who in readers]
            enough = len(opened) + draw.randint(20, 200)
            async with asyncio.timeout(WAIT_S):
                while len(opened) < enough:
                    await asyncio.wait(running, timeout=0.001, return_when=asyncio.FIRST_COMPLETED)
                process.kill()
                killed.set()
                await asyncio.gather(*running)
            await guard.settle()
            await store.close()
        print(f"round {round_}: {len(opened)} opened")
    async with _process(tmp_path) as (_, uri):
        site.store.inner = store = KurrentEventStore(uri)  # type: ignore[assignment]
        accesses = await site.accesses(group_id)  # which checks that revisions have no gap
        await store.close()
    assert refusals <= {"ACC-09", "ACC-10"}
    assert opened <= touched(accesses)
    assert len({access.access_id for access in accesses}) == len(accesses)
