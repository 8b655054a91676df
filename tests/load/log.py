"""The log of accesses: how many a second it sequences, and how long after its recording an access can be proved.

In a folder, with a vault on SQLite, each write synced. `alone`: rows that wait, as fast as they go. Then accesses are
recorded at a steady rate, and read from the event store, written down and sequenced while they come.
"""

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import uvloop
from regard.audit.v1.events_pb2 import ACTION_READ, READER_KIND_MEMBER, Access, AccessesRecorded, Objects

from services.audit.log.intake import Intake
from services.audit.log.storage import FolderStorage
from services.common.clock import system_clock
from services.common.eventstore import ExpectedState, MemoryEventStore, NewEvent
from tests.guarded import CODEC
from tests.load.figures import percentile_ms, tell
from tests.transparency import Log

ROWS = 30_000
RATES = (100, 300, 1000, 3000)
SECONDS = 10
GROUPS = 50
PER_EVENT = 5
_SLICES = 20
"""A second."""


async def alone(log: Log) -> None:
    """Rows that wait."""
    sequencer = log.sequencer()
    await sequencer.open()
    await log.add(ROWS)
    began_s = time.perf_counter()
    while await sequencer.sequence():
        pass
    tell("accesses sequenced, alone", ROWS / (time.perf_counter() - began_s), "1/s")


async def steady(log: Log, rate: int) -> None:
    """Accesses that are recorded while the log goes on."""
    store, groups = MemoryEventStore(system_clock), [str(uuid.uuid4()) for _ in range(GROUPS)]
    recorded_s: list[float] = []
    provable_s: list[float] = []
    sequencer = log.sequencer()
    sequence = sequencer.sequence

    async def timed() -> int:
        rows = await sequence()
        provable_s.extend([time.perf_counter()] * rows)
        return rows

    sequencer.sequence = timed  # type: ignore[method-assign]
    running = [asyncio.create_task(one) for one in (Intake(store, CODEC, log.database).run(), sequencer.run())]
    due_s = time.perf_counter()
    for number in range(SECONDS * _SLICES):
        for _ in range(max(1, rate // _SLICES // PER_EVENT)):
            recorded_s += await _record(store, groups[number % GROUPS])
        due_s += 1 / _SLICES
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
    async with asyncio.timeout(60):
        while len(provable_s) < len(recorded_s):
            await asyncio.sleep(0.05)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    took_s = [after - before for before, after in zip(recorded_s, provable_s, strict=True)]
    reached = len(recorded_s) / (provable_s[-1] - recorded_s[0])
    tell("accesses recorded and sequenced", reached, "1/s", rate=rate)
    for percent in (50, 99):
        tell(f"until provable, p{percent}", percentile_ms(took_s, percent), "ms", rate=rate)
    tell("until provable, longest", max(took_s) * 1000, "ms", rate=rate)
    await log.check()


async def _record(store: MemoryEventStore, group_id: str) -> list[float]:
    accesses = [
        Access(
            access_id=str(uuid.uuid4()),
            reader_id=str(uuid.uuid4()),
            reader_kind=READER_KIND_MEMBER,
            action=ACTION_READ,
            objects=[Objects(type="message", ids=[str(uuid.uuid4())], first=1, last=20)],
            client="web",
            at=system_clock(),
        )
        for _ in range(PER_EVENT)
    ]
    data = AccessesRecorded(group_id=group_id, accesses=accesses).SerializeToString()
    new = NewEvent(AccessesRecorded.DESCRIPTOR.full_name, data, {}, uuid.uuid4())
    await store.append(f"access-{group_id}", (new,), ExpectedState.ANY)
    return [time.perf_counter()] * PER_EVENT


async def main() -> None:
    """Each on a log of its own."""
    for rate in (0, *RATES):
        with tempfile.TemporaryDirectory(prefix="regard-bench-log-") as name:
            folder = Path(name)
            log = await Log.make(folder, FolderStorage(folder / "log"))
            await (steady(log, rate) if rate else alone(log))
            await log.close()


if __name__ == "__main__":
    uvloop.run(main())
