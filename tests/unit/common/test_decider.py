import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from hypothesis import given as whenever
from hypothesis import settings
from hypothesis import strategies as st

from services.common.clock import system_clock
from services.common.codec import Codec
from services.common.contracts import EventFile
from services.common.decider import CommandContext, Decider, Outcome, append_unconditionally, execute
from services.common.errors import Kind, Refusal, Refused
from services.common.eventstore import (
    AppendOutcomeUnknown,
    Expected,
    ExpectedState,
    History,
    MemoryEventStore,
    NewEvent,
    StoreUnavailable,
    WrongRevision,
    event_id,
)
from services.common.ids import Position
from tests.given import examples

FULL = Refusal(
    "TST-01", Kind.FAILED_PRECONDITION, "Full at {limit}.", "Plein à {limit}.", "Take less.", "Prenez moins."
)
LIMIT = 10
STREAM = "counter-1"


@dataclass(frozen=True)
class Add:
    """Adds to a counter that never goes beyond its limit; each unit is an event of its own."""

    amount: int


def decide(command: Add, total: int) -> tuple[Int64Value, ...]:
    if total + command.amount > LIMIT:
        raise FULL(limit=str(LIMIT))
    return (Int64Value(value=1),) * command.amount


def evolve(total: int, event: Message) -> int:
    return total + event.value if isinstance(event, Int64Value) else total


COUNTER = Decider[Add, int](category="counter", initial=0, decide=decide, evolve=evolve)
CODEC = Codec([EventFile("test", "test", 1, ("counter",), (Int64Value, StringValue))])
given = examples(COUNTER)


def context(number: int) -> CommandContext:
    return CommandContext(uuid.uuid5(uuid.NAMESPACE_OID, str(number)), actor="me", correlation_id="c")


@dataclass
class Faulty(MemoryEventStore):
    """The twin, with a fault to come before or after each append, and other tasks let in between."""

    faults: list[str] = field(default_factory=list)
    load_fails: bool = False
    appends: int = 0

    def __post_init__(self) -> None:
        super().__init__(system_clock)

    async def load(self, stream: str, *, after: int = -1) -> History:
        await asyncio.sleep(0)
        if self.load_fails and self.appends:
            raise StoreUnavailable
        return await super().load(stream, after=after)

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        self.appends += 1
        fault = self.faults.pop(0) if self.faults else ""
        await asyncio.sleep(0)
        match fault:
            case "conflict":
                raise WrongRevision(99, expected)
            case "unavailable":
                raise StoreUnavailable
            case "lost before":
                raise AppendOutcomeUnknown
            case "lost after":
                await super().append(stream, events, expected)
                raise AppendOutcomeUnknown
        return await super().append(stream, events, expected)


async def run(store: MemoryEventStore, amount: int, number: int) -> Outcome[int]:
    return await execute(store, CODEC, COUNTER, STREAM, Add(amount), context(number))


async def length(store: MemoryEventStore) -> int:
    return len((await MemoryEventStore.load(store, STREAM)).events)


def test_the_counter_is_a_decider() -> None:
    given().when(Add(2)).then(Int64Value(value=1), Int64Value(value=1))
    given(Int64Value(value=10)).when(Add(0)).then()
    refused = given(Int64Value(value=9)).when(Add(2)).raises("TST-01")
    assert refused.sentence("fr") == "Plein à 10."
    assert given(Int64Value(value=3), StringValue(value="unknown")).when(Add(1)).state == 4


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: given().when(Add(11)).then(),
        lambda: given().when(Add(1)).raises("TST-01"),
        lambda: given().when(Add(11)).raises("TST-02"),
        lambda: given().when(Add(1)).then(Int64Value(value=2)),
        lambda: given().when(Add(1)).then(),
    ],
)
def test_an_example_that_does_not_hold_fails(wrong: Callable[[], object]) -> None:
    with pytest.raises(AssertionError):
        wrong()


async def test_a_command_is_carried_out() -> None:
    store = Faulty()
    outcome = await run(store, 2, 1)
    history = await store.load(STREAM)
    assert outcome == Outcome(history.position, (Int64Value(value=1), Int64Value(value=1)), 2)
    first, second = history.events
    assert first.type == "google.protobuf.Int64Value"
    assert dict(first.metadata) == {"command_id": str(context(1).command_id), "actor": "me", "correlation_id": "c"}
    assert [first.id, second.id] == [event_id(context(1).command_id, STREAM, i) for i in (0, 1)]


async def test_nothing_to_do_appends_nothing() -> None:
    store = Faulty()
    await run(store, 2, 1)
    assert await run(store, 0, 2) == Outcome((await store.load(STREAM)).position, (), 2)
    assert store.appends == 1


async def test_a_refusal_appends_nothing() -> None:
    store = Faulty()
    with pytest.raises(Refused) as refused:
        await run(store, 11, 1)
    assert refused.value.refusal is FULL
    assert await length(store) == 0


async def test_a_repeated_command_gives_its_first_events_and_the_present_state() -> None:
    store = Faulty()
    first = await run(store, 2, 1)
    await run(store, 3, 2)
    again = await run(store, 2, 1)
    recorded_at = (await store.load(STREAM)).events[1].recorded_at
    assert again == Outcome(first.position, first.events, 5, recorded_at)
    assert await length(store) == 5


async def test_a_repeated_command_is_recognised_even_if_it_would_be_refused_now() -> None:
    store = Faulty()
    first = await run(store, 6, 1)
    assert (await run(store, 6, 1)).position == first.position


async def test_after_a_conflict_it_decides_again() -> None:
    store = Faulty(faults=["conflict"] * 4)
    assert (await run(store, 1, 1)).state == 1
    assert store.appends == 5


async def test_five_conflicts_are_enough() -> None:
    store = Faulty(faults=["conflict"] * 9)
    with pytest.raises(Refused) as refused:
        await run(store, 1, 1)
    assert (refused.value.refusal.id, refused.value.refusal.kind) == ("ES-01", Kind.ABORTED)
    assert store.appends == 5


@pytest.mark.parametrize(
    "faults",
    [
        ["lost before"],
        ["lost after"],
        ["lost before", "lost before"],
        ["lost before", "lost after"],
        ["lost after", "lost before"],
        ["lost after", "lost after"],
        ["lost after", "conflict"],
        ["lost before", "conflict", "lost after"],
    ],
)
async def test_an_unknown_outcome_is_found_out_and_nothing_is_done_twice(faults: list[str]) -> None:
    store = Faulty(faults=faults)
    outcome = await run(store, 2, 1)
    assert (outcome.state, len(outcome.events)) == (2, 2)
    assert await length(store) == 2


@pytest.mark.parametrize("faults", [["lost after", "unavailable"], ["lost before"] * 10])
async def test_what_stays_unknown_is_never_called_undone(faults: list[str]) -> None:
    store = Faulty(faults=faults, load_fails=True)
    with pytest.raises(AppendOutcomeUnknown):
        await run(store, 2, 1)


async def test_an_unreachable_store_changes_nothing() -> None:
    store = Faulty(faults=["unavailable"])
    with pytest.raises(StoreUnavailable):
        await run(store, 2, 1)
    assert await length(store) == 0


async def test_a_stream_belongs_to_its_category() -> None:
    with pytest.raises(ValueError, match="not a stream of category counter"):
        await execute(Faulty(), CODEC, COUNTER, "group-1", Add(1), context(1))


async def test_what_has_no_invariant_is_appended_at_any_revision() -> None:
    store = Faulty(faults=["lost after"])
    position = await append_unconditionally(store, CODEC, STREAM, [StringValue(value="a")], context(1))
    await append_unconditionally(store, CODEC, STREAM, [StringValue(value="b")], context(2))
    assert await append_unconditionally(store, CODEC, STREAM, [StringValue(value="a")], context(1)) == position
    assert await length(store) == 2


async def test_an_append_at_any_revision_is_repeated_once() -> None:
    store = Faulty(faults=["lost before"] * 3)
    with pytest.raises(AppendOutcomeUnknown):
        await append_unconditionally(store, CODEC, STREAM, [StringValue(value="a")], context(1))
    assert store.appends == 2


def test_only_known_metadata_is_written() -> None:
    full = CommandContext(uuid.UUID(int=1), "a", "b", causation_id="c", traceparent="00-1")
    assert full.metadata() == {
        "command_id": str(uuid.UUID(int=1)),
        "actor": "a",
        "correlation_id": "b",
        "causation_id": "c",
        "traceparent": "00-1",
    }
    assert context(1).metadata().keys() == {"command_id", "actor", "correlation_id"}


FAULTS = st.lists(st.sampled_from(["", "", "conflict", "lost before", "lost after", "unavailable"]), max_size=30)
COMMANDS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=15)


@settings(deadline=None, print_blob=True)
@whenever(COMMANDS, FAULTS)
def test_however_commands_race_repeat_and_fail_each_is_done_at_most_once(
    commands: list[tuple[int, int]], faults: list[str]
) -> None:
    """The same number is the same command: its amount follows from it."""
    amounts = {number: amount for amount, number in commands}

    async def race() -> None:
        store = Faulty(faults=list(faults))
        outcomes = await asyncio.gather(
            *(run(store, amounts[number], number) for _, number in commands), return_exceptions=True
        )
        history = await MemoryEventStore.load(store, STREAM)
        assert len(history.events) <= LIMIT
        assert len({event.id for event in history.events}) == len(history.events)
        for (_, number), outcome in zip(commands, outcomes, strict=True):
            recorded = history.recorded_by(context(number).command_id)
            assert len(recorded) in (0, amounts[number])
            if isinstance(outcome, Outcome):
                assert len(outcome.events) == amounts[number] == len(recorded)
            else:
                assert isinstance(outcome, Refused), outcome
                known = isinstance(outcome, StoreUnavailable | AppendOutcomeUnknown)
                assert known or outcome.refusal.id in ("TST-01", "ES-01")

    asyncio.run(race())


def test_events_of_a_command_are_those_that_follow_its_first() -> None:
    command = context(1).command_id

    async def history() -> History:
        store = MemoryEventStore(system_clock)
        for owner, indexes in ((7, (0,)), (1, (0, 1)), (8, (0, 1))):
            await store.append(
                STREAM,
                [NewEvent("t", b"", {}, event_id(context(owner).command_id, STREAM, index)) for index in indexes],
                ExpectedState.ANY,
            )
        return await store.load(STREAM)

    loaded = asyncio.run(history())
    assert [event.revision for event in loaded.recorded_by(command)] == [1, 2]
    assert loaded.handled(command) == 3
    assert loaded.handled(context(9).command_id) is None
