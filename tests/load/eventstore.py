"""Appends and loads of the event store through the kernel, by writers that never pause; one event an append.

The node runs in a process of its own, on a disk, and each append is durable when it is answered. `direct` is the way
of a process that brings the store itself (services/embedded/eventstore/direct.py).

    python -m tests.load.eventstore              the embedded node
    REGARD_EVENTSTORE_URI=... python -m ...      the node found there
"""

import asyncio
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from services.common.eventstore import EventStore, ExpectedState, KurrentEventStore, NewEvent
from services.embedded.eventstore import EmbeddedEventStore
from tests.load.figures import percentile_ms, tell

WRITERS = (1, 8, 32, 64)
SECONDS = 2.0
SIZE_BYTES = 300
_STREAM_EVENTS = 20


@asynccontextmanager
async def node() -> AsyncIterator[str]:
    """URI of the node to measure."""
    if uri := os.environ.get("REGARD_EVENTSTORE_URI"):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="regard-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", "eventstore"),
            env={**os.environ, "REGARD_DATA": folder, "REGARD_EVENTSTORE_PORT": "0"},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        found = re.search(r"kurrentdb://[^\s)]+", (await process.stdout.readline()).decode())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()
            await process.wait()


def event() -> NewEvent:
    """Something to append."""
    return NewEvent("regard.bench.v1.Measured", os.urandom(SIZE_BYTES), {"actor": "bench"}, uuid.uuid4())


async def append_one(store: EventStore, stream: str) -> None:
    """One durable event."""
    await store.append(stream, [event()], ExpectedState.ANY)


async def load_one(store: EventStore, stream: str) -> None:
    """A stream of _STREAM_EVENTS events."""
    history = await store.load(stream)
    assert len(history.events) == _STREAM_EVENTS


async def measured(
    work: Callable[[EventStore, str], Awaitable[None]], store: EventStore, streams: list[str]
) -> list[float]:
    """Seconds that each took, when one after the other is done on each stream for SECONDS."""
    took_s: list[float] = []
    ends_s = time.perf_counter() + SECONDS

    async def again_and_again(stream: str) -> None:
        while (began_s := time.perf_counter()) < ends_s:
            await work(store, stream)
            took_s.append(time.perf_counter() - began_s)

    await asyncio.gather(*map(again_and_again, streams))
    return took_s


async def measure(store: EventStore, way: str) -> None:
    """Tells rates and latencies of one way to the store."""
    for writers in WRITERS:
        streams = [f"bench-{uuid.uuid4()}" for _ in range(writers)]
        for what, work in (("appends", append_one), ("loads of 20 events", load_one)):
            if work is load_one:
                streams = [f"benched-{uuid.uuid4()}" for _ in range(writers)]
                for stream in streams:
                    await store.append(stream, [event() for _ in range(_STREAM_EVENTS)], ExpectedState.ANY)
            took_s = await measured(work, store, streams)
            tell(f"event store: {what}", len(took_s) / SECONDS, "1/s", at_once=writers, way=way)
            tell(f"event store: {what}, p50", percentile_ms(took_s, 50), "ms", at_once=writers, way=way)
            tell(f"event store: {what}, p99", percentile_ms(took_s, 99), "ms", at_once=writers, way=way)
    began_s, count = time.perf_counter(), 0
    async for _ in store.read_all(prefixes=("bench",)):
        count += 1
    tell("event store: events read in order", count / (time.perf_counter() - began_s), "1/s", events=count, way=way)


async def main() -> None:
    """Both ways."""
    async with node() as uri:
        store = KurrentEventStore(uri)
        await measure(store, "socket")
        await store.close()
    with tempfile.TemporaryDirectory(prefix="regard-bench-") as folder:
        async with EmbeddedEventStore(Path(folder)) as embedded:
            await measure(embedded.direct, "direct")


if __name__ == "__main__":
    uvloop.run(main())
