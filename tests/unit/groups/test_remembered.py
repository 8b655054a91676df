"""Streams that are remembered are as the store has them at each load."""

import asyncio
import uuid

from services.common.clock import system_clock
from services.common.eventstore import ExpectedState, History, MemoryEventStore, NewEvent
from services.groups.remembered import SHORT_EVENTS, RememberedStreams

LONG = SHORT_EVENTS + 1


class Counted(MemoryEventStore):
    """Counts the events that it gives out."""

    read = 0

    async def load(self, stream: str, *, after: int = -1) -> History:
        history = await super().load(stream, after=after)
        self.read += len(history.events)
        return history


def events(count: int) -> list[NewEvent]:
    return [NewEvent("type", b"", {}, uuid.uuid4()) for _ in range(count)]


async def test_a_long_stream_is_read_once_and_then_only_what_is_new() -> None:
    store = Counted(system_clock)
    remembered = RememberedStreams(store)
    await remembered.append("group-1", events(LONG), ExpectedState.NO_STREAM)
    assert await remembered.load("group-1") == await MemoryEventStore.load(store, "group-1")
    assert store.read == LONG
    for _ in range(2):
        await store.append("group-1", events(2), ExpectedState.ANY)  # by another process
        history = await remembered.load("group-1")
        assert history == await MemoryEventStore.load(store, "group-1")
        assert history == await remembered.load("group-1")
    assert store.read == LONG + 4


async def test_a_short_stream_is_read_anew_and_a_part_is_what_was_asked_for() -> None:
    store = Counted(system_clock)
    remembered = RememberedStreams(store)
    await store.append("group-1", events(SHORT_EVENTS), ExpectedState.NO_STREAM)
    await store.append("group-2", events(LONG), ExpectedState.NO_STREAM)
    for _ in range(2):
        await remembered.load("group-1")
    assert store.read == 2 * SHORT_EVENTS
    assert [event.revision for event in (await remembered.load("group-2", after=LONG - 2)).events] == [LONG - 1]
    assert len((await remembered.load("group-2")).events) == LONG
    assert await remembered.load("group-3") == History(stream="group-3")  # type: ignore[arg-type]


async def test_simultaneous_loads_agree() -> None:
    store = Counted(system_clock)
    remembered = RememberedStreams(store)
    await store.append("group-1", events(LONG), ExpectedState.NO_STREAM)
    for _ in range(5):
        await store.append("group-1", events(1), ExpectedState.ANY)
        histories = await asyncio.gather(*(remembered.load("group-1") for _ in range(4)))
        stored = await MemoryEventStore.load(store, "group-1")
        assert histories == [stored] * 4


async def test_what_was_not_used_for_longest_is_forgotten() -> None:
    store = Counted(system_clock)
    remembered = RememberedStreams(store, most_events=2 * LONG)
    for number in (1, 2, 3):
        await store.append(f"group-{number}", events(LONG), ExpectedState.NO_STREAM)
    for number in (1, 2, 1, 3):
        await remembered.load(f"group-{number}")
    store.read = 0
    await remembered.load("group-1")
    await remembered.load("group-3")
    assert store.read == 0
    await remembered.load("group-2")
    assert store.read == LONG
