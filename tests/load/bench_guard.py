"""What a record costs a reader: pages of 20 texts, read with and without one. One JSON line for each figure.

    python tests/load/bench_guard.py            starts an embedded node in its own process
    REGARD_EVENTSTORE_URI=... python ...        measures the node found there

Each page is a call of its own: a sight, an entry, twenty texts opened, by another reader each time. No figure is
asserted.
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import uvloop
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_RESTRICTED, Level

sys.path.insert(0, str(Path(__file__).parents[2]))

from services.access import Action, Guard
from services.common.clock import system_clock
from services.common.eventstore import KurrentEventStore
from services.common.rpc import Caller
from tests.guarded import CODEC, Post, Site, person
from tests.load.bench_eventstore import node

PAGES = 1500
PAGE = 20
READERS = 16


class Bench(Site):
    """The groups of the tests, on the node that is measured."""

    def __init__(self, store: KurrentEventStore) -> None:
        super().__init__()
        self.store.inner = store  # type: ignore[assignment]  # groups and texts are written as in the tests
        self.measured = Guard(store, CODEC, self.keys.fetch, system_clock)  # type: ignore[arg-type]


async def page(guard: Guard, reader: str, group_id: str, posts: list[Post]) -> float:
    """Reads a page; seconds."""
    began_s = time.perf_counter()
    sight = await guard.sight(Caller(reader), group_id, Action.READ)
    grant = await guard.enter(sight, [post.object for post in posts])
    for post in posts:
        await grant.open(post.sealed, post.place)
    return time.perf_counter() - began_s


async def measure(bench: Bench, name: str, level: Level, at_once: int) -> None:
    """Reads PAGES pages, that many at once, and prints what it took."""
    author, readers = person(), [person() for _ in range(PAGES)]
    group_id = await bench.group(author, *readers[:READERS], level=level)
    for start in range(READERS, PAGES, 200):
        await asyncio.gather(*(bench.add(group_id, reader) for reader in readers[start : start + 200]))
    posts = [await bench.post(bench.measured, group_id, author, "x" * 500) for _ in range(PAGE)]
    left = iter(readers)

    async def work() -> list[float]:
        return [await page(bench.measured, reader, group_id, posts) for reader in left]

    recorded, began_s = bench.measured.recorded, time.perf_counter()
    took = [one for some in await asyncio.gather(*(work() for _ in range(at_once))) for one in some]
    seconds = time.perf_counter() - began_s
    print(
        json.dumps(
            {
                "figure": name,
                "at_once": at_once,
                "pages_per_s": round(PAGES / seconds),
                "p50_ms": round(statistics.median(took) * 1000, 2),
                "p99_ms": round(statistics.quantiles(took, n=100)[98] * 1000, 2),
                "recorded": bench.measured.recorded - recorded,
            }
        ),
        flush=True,
    )


async def main() -> None:
    """Both kinds of page, one reader at a time and many."""
    async with node() as target:
        store = KurrentEventStore(f"kurrentdb://{target}?tls=false")
        bench = Bench(store)
        for at_once in (1, READERS):
            await measure(bench, "a page without record", LEVEL_RESTRICTED, at_once)
            await measure(bench, "a page recorded first", LEVEL_CONFIDENTIAL, at_once)
        await bench.measured.settle()
        await store.close()


if __name__ == "__main__":
    uvloop.run(main())
