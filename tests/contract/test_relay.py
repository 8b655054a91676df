"""The relay loses nothing, keeps the order, and bears another relay beside it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from regard.common.v1.common_pb2 import RelayCheckpoint

from services.common.errors import Refused
from services.common.eventstore import EventStore, Expected, NewEvent, StoreUnavailable, WrongRevision
from services.common.ids import Position
from services.common.kafka import WRONG_PARTITIONS, Arrival, partition_of
from services.common.relay import Relay
from tests.contract.streaming import NOTES, PARTITIONS, QUICK_RELAY, TOPIC, Stage, ending, eventually, stage

STREAMS = [f"note-{number}" for number in range(8)]
CHECKPOINTS = "relay-notes"


@pytest.fixture
async def notes(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as built:
        yield built


def relay(notes: Stage) -> Relay:
    return Relay(notes.store, notes.kafka, NOTES, timing=QUICK_RELAY)


async def checkpoint(notes: Stage) -> RelayCheckpoint:
    history = await notes.store.load(CHECKPOINTS)
    return RelayCheckpoint.FromString(history.events[-1].data) if history.events else RelayCheckpoint()


async def is_kept(notes: Stage) -> bool:
    """Whether the checkpoint has come to the head."""
    return (await checkpoint(notes)).position == await notes.store.head(NOTES.prefixes)


def assert_chained(records: Sequence[Arrival]) -> None:
    """Within each partition, repetitions left out, each record names the one before it."""
    last: defaultdict[int, int] = defaultdict(int)
    for record in records:
        assert record.partition == partition_of(record.recorded.stream, PARTITIONS)
        if record.recorded.position > last[record.partition]:
            assert record.previous == last[record.partition]
            last[record.partition] = record.recorded.position


async def test_every_event_is_on_the_topic_as_it_is_in_the_store(notes: Stage) -> None:
    for stream in STREAMS:
        await notes.write(stream, "a", "", "c")
    await notes.write("other-1", "not ours")
    async with notes.relaying():
        records = await notes.records(3 * len(STREAMS))
        await eventually(lambda: is_kept(notes))
    assert_chained(records)
    assert sorted((r.recorded for r in records), key=lambda recorded: recorded.position) == await notes.log()


async def test_a_relay_goes_on_where_the_last_one_ended(notes: Stage) -> None:
    for number in range(3):
        async with notes.relaying():
            for stream in STREAMS:
                await notes.write(stream, str(number))
            await eventually(lambda: is_kept(notes))
    records = await notes.records(3 * len(STREAMS))
    assert len(records) == 3 * len(STREAMS)
    assert_chained(records)
    assert len((await notes.store.load(CHECKPOINTS)).events) == 1


class Crashing:
    """A store that dies when a checkpoint is appended: the events are in Kafka, and nobody has noted it."""

    def __init__(self, store: EventStore, deaths: int) -> None:
        self._store = store
        self.deaths = deaths
        self.load, self.head = store.load, store.head
        self.read_all, self.subscribe, self.set_retention = store.read_all, store.subscribe, store.set_retention
        self.close = store.close

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        if self.deaths:
            self.deaths -= 1
            raise StoreUnavailable
        return await self._store.append(stream, events, expected)


async def test_a_crash_between_publishing_and_checkpoint_repeats_the_same_records(notes: Stage) -> None:
    for stream in STREAMS:
        await notes.write(stream, "a")
    crashing = Crashing(notes.store, deaths=3)
    async with ending(Relay(crashing, notes.kafka, NOTES, timing=QUICK_RELAY).run()):
        await eventually(lambda: is_kept(notes))
    assert crashing.deaths == 0
    records = await notes.records(4 * len(STREAMS))
    assert_chained(records)
    by_position: defaultdict[int, list[Arrival]] = defaultdict(list)
    for record in records:
        by_position[record.recorded.position].append(record)
    assert all(len(same) == 4 and same[0] == same[-1] for same in by_position.values())


async def test_two_relays_and_one_of_them_ends(notes: Stage) -> None:
    async with ending(relay(notes).run()) as first, ending(relay(notes).run()) as second:
        for round_ in range(10):
            for stream in STREAMS:
                await notes.write(stream, str(round_))
            await eventually(lambda: is_kept(notes))
        revision = (await notes.store.load(CHECKPOINTS)).revision
        for task in (first, second):
            assert not task.done()
        first.cancel()
        await asyncio.wait([first])
        for stream in STREAMS:
            await notes.write(stream, "after")
        await eventually(lambda: is_kept(notes))
        assert (await notes.store.load(CHECKPOINTS)).revision > revision
    records = await notes.records(11 * len(STREAMS))
    assert_chained(records)
    assert {record.recorded.position for record in records} == {recorded.position for recorded in await notes.log()}


class Asleep(Crashing):
    """A store through which nothing is appended until `awake`; notes that another was faster."""

    def __init__(self, store: EventStore) -> None:
        super().__init__(store, 0)
        self.awake, self.fenced = asyncio.Event(), asyncio.Event()

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        await self.awake.wait()
        try:
            return await super().append(stream, events, expected)
        except WrongRevision:
            self.fenced.set()
            raise


async def test_a_relay_that_slept_is_fenced_at_its_first_checkpoint(notes: Stage) -> None:
    await notes.write(STREAMS[0], "a")
    asleep = Asleep(notes.store)
    async with ending(Relay(asleep, notes.kafka, NOTES, timing=QUICK_RELAY).run()):
        await notes.records(1)
        async with notes.relaying():
            await notes.write(STREAMS[0], "b", "c")
            await eventually(lambda: is_kept(notes))
        kept = await notes.store.load(CHECKPOINTS)
        asleep.awake.set()
        async with asyncio.timeout(60):
            await asleep.fenced.wait()
    assert await notes.store.load(CHECKPOINTS) == kept
    assert_chained(await notes.records(4))


async def test_a_topic_with_other_partitions_is_refused(notes: Stage) -> None:
    with pytest.raises(Refused) as refused:
        await notes.kafka.create_topics([replace(NOTES, partitions=PARTITIONS + 1)])
    assert refused.value.refusal is WRONG_PARTITIONS
    assert TOPIC in refused.value.sentence("en")


async def test_an_empty_event_is_not_a_tombstone(notes: Stage) -> None:
    await notes.write(STREAMS[0], "")
    async with notes.relaying():
        (record,) = await notes.records(1)
    assert record.recorded.data == b""
    assert StringValue.FromString(record.recorded.data) == StringValue()


async def test_a_relay_ends_whenever_it_is_told_to(notes: Stage) -> None:
    await notes.write(STREAMS[0], "a")
    for moment in range(24):
        async with asyncio.timeout(60), ending(Relay(Crashing(notes.store, 1), notes.kafka, NOTES).run()):
            for _ in range(7 * moment):
                await asyncio.sleep(0)
