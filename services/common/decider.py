"""The one way to change an aggregate: load its stream, fold, decide, append at the revision read.

A command is recognised when it comes again, by the id of its first event in the loaded history: a node itself accepts a
repetition at the current revision without looking at ids.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Generic, TypeVar

from google.protobuf.message import Message

from services.common.codec import Codec
from services.common.errors import Kind, refusal
from services.common.eventstore import (
    AppendOutcomeUnknown,
    Expected,
    ExpectedState,
    NewEvent,
    StoreUnavailable,
    Streams,
    WrongRevision,
    event_id,
)
from services.common.ids import Position, category_of

Command = TypeVar("Command")
State = TypeVar("State")

MAX_ATTEMPTS = 5

CONTENTION = refusal(
    "ES-01",
    Kind.ABORTED,
    en="Others kept changing the same thing at the same moment, so nothing was done.",
    fr="D’autres modifiaient la même chose au même moment : rien n’a été fait.",
    remedy_en="Try again.",
    remedy_fr="Réessayez.",
)


@dataclass(frozen=True)
class Decider(Generic[Command, State]):
    """The pure rules of one kind of aggregate; its streams are `<category>-<id>`.

    `decide` gives the events that a command causes, () when there is nothing left to do, or raises Refused.
    `evolve` never raises and leaves the state as it is for an event that it does not know.
    """

    category: str
    initial: State
    decide: Callable[[Command, State], Sequence[Message]]
    evolve: Callable[[State, Message], State]

    def fold(self, messages: Iterable[Message], state: State | None = None) -> State:
        """The state after `messages`, starting from `state` or from the beginning."""
        return reduce(self.evolve, messages, self.initial if state is None else state)


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Who asks, and what it follows from: what goes into the metadata of the events."""

    command_id: uuid.UUID
    actor: str
    correlation_id: str
    causation_id: str = ""
    traceparent: str = ""

    def metadata(self) -> dict[str, str]:
        """Only what is known: no empty values."""
        fields = {
            "command_id": str(self.command_id),
            "actor": self.actor,
            "correlation_id": self.correlation_id,
            "causation_id": self.causation_id,
            "traceparent": self.traceparent,
        }
        return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True)
class Outcome(Generic[State]):
    """What a command led to: the position to wait for, its events, and the state after them.

    A repeated command gives the events of the first time with their time, and the state of now.
    """

    position: Position
    events: tuple[Message, ...]
    state: State
    recorded_at: datetime | None = None
    """When a repeated command was carried out; of a new one, an append does not tell."""


async def execute(
    store: Streams,
    codec: Codec,
    decider: Decider[Command, State],
    stream: str,
    command: Command,
    context: CommandContext,
) -> Outcome[State]:
    """Carries the command out once, however often it is sent with the same command_id.

    Raises Refused: what `decide` raises, CONTENTION, StoreUnavailable, AppendOutcomeUnknown.
    """
    if category_of(stream) != decider.category:
        raise ValueError(f"{stream} is not a stream of category {decider.category}")
    unknown: AppendOutcomeUnknown | None = None
    for _ in range(MAX_ATTEMPTS):
        try:
            history = await store.load(stream)
        except StoreUnavailable:
            if unknown:
                raise unknown from None
            raise
        state = decider.fold(event.message for event in codec.decode_all(history.events))
        if recorded := history.recorded_by(context.command_id):
            done = tuple(event.message for event in codec.decode_all(recorded))
            return Outcome(recorded[-1].position, done, state, recorded[-1].recorded_at)
        messages = tuple(decider.decide(command, state))
        if not messages:
            return Outcome(history.position, (), state)
        try:
            position = await _append(store, stream, _stamp(codec, stream, messages, context), history.expected)
        except WrongRevision:
            continue
        except AppendOutcomeUnknown as error:
            unknown = error
        else:
            return Outcome(position, messages, decider.fold(messages, state))
    raise unknown or CONTENTION()


async def append_unconditionally(
    store: Streams, codec: Codec, stream: str, messages: Sequence[Message], context: CommandContext
) -> Position:
    """Appends what no invariant of its stream concerns, without loading.

    A repetition is recognised only while the store remembers the ids, so readers key such events by their id.
    Raises StoreUnavailable, AppendOutcomeUnknown.
    """
    return await _append(store, stream, _stamp(codec, stream, messages, context), ExpectedState.ANY)


async def _append(store: Streams, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
    try:
        return await store.append(stream, events, expected)
    except AppendOutcomeUnknown as unknown:
        try:
            return await store.append(stream, events, expected)
        except StoreUnavailable:
            raise unknown from None


def _stamp(codec: Codec, stream: str, messages: Sequence[Message], context: CommandContext) -> tuple[NewEvent, ...]:
    metadata = context.metadata()
    return tuple(
        NewEvent(*codec.encode(message), metadata, event_id(context.command_id, stream, index))
        for index, message in enumerate(messages)
    )
