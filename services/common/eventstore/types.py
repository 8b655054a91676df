"""What goes into the event store, what comes out, and how it refuses.

WrongRevision           the stream is not where the caller thought: load again, decide again
RejectedByStore         the append can never succeed; a defect of ours
Refused
  StoreUnavailable      ES-02: nothing was read or written
  AppendOutcomeUnknown  ES-03: it may have been written; repeating the same append is safe
"""

import enum
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.common.errors import Kind, Refused, refusal
from services.common.ids import Position, StreamName

_STORE_UNAVAILABLE = refusal(
    "ES-02",
    Kind.UNAVAILABLE,
    en="The record of events cannot be reached, so nothing was done.",
    fr="Le journal des événements est injoignable : rien n’a été fait.",
    remedy_en="Try again in a few seconds.",
    remedy_fr="Réessayez dans quelques secondes.",
)
_OUTCOME_UNKNOWN = refusal(
    "ES-03",
    Kind.UNAVAILABLE,
    en="The record of events did not confirm the change, which may have been made or not.",
    fr="Le journal des événements n’a pas confirmé la modification : elle a pu être faite, ou non.",
    remedy_en="Send the same request again: it is never carried out twice.",
    remedy_fr="Renvoyez la même demande : elle ne sera jamais exécutée deux fois.",
)


class ExpectedState(enum.Enum):
    """What an append demands of a stream, where it demands no revision."""

    NO_STREAM = "no stream"
    ANY = "any"
    EXISTS = "exists"


Expected = int | ExpectedState
"""The revision of the stream's last event, or a state."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append; `id` makes a repetition recognisable."""

    type: str
    data: bytes
    metadata: Mapping[str, str]
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as stored: `revision` counts from 0 in its stream, `position` grows over the whole log."""

    stream: StreamName
    revision: int
    position: Position
    id: uuid.UUID
    type: str
    data: bytes
    metadata: Mapping[str, str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """A stream's events after some revision; `revision` is -1 and `position` 0 when there is nothing."""

    stream: StreamName
    events: tuple[Recorded, ...] = ()
    revision: int = -1
    position: Position = field(default=Position(0))

    @property
    def expected(self) -> Expected:
        """What to demand when appending to what was read here."""
        return ExpectedState.NO_STREAM if self.revision < 0 else self.revision

    def recorded_by(self, command_id: uuid.UUID) -> tuple[Recorded, ...]:
        """The events that the command appended; empty if it appended none, or is not among these events."""
        first = event_id(command_id, self.stream, 0)
        for start, event in enumerate(self.events):
            if event.id == first:
                following = self.events[start:]
                return tuple(e for i, e in enumerate(following) if e.id == event_id(command_id, self.stream, i))
        return ()

    def handled(self, command_id: uuid.UUID) -> Position | None:
        """Where the command's last event is, if it was carried out already."""
        recorded = self.recorded_by(command_id)
        return recorded[-1].position if recorded else None


def event_id(command_id: uuid.UUID, stream: str, index: int) -> uuid.UUID:
    """The id of the event that a command appends to `stream` as its `index`th."""
    return uuid.uuid5(command_id, f"{stream}/{index}")


def check_prefixes(prefixes: tuple[str, ...]) -> None:
    """ValueError unless a read of the log names the streams that it wants."""
    if not prefixes or not all(prefixes):
        raise ValueError("a read of the log names the prefixes of its streams")


class WrongRevision(Exception):
    """The stream's revision is `actual` (-1: there is no stream) and not what was `expected`."""

    def __init__(self, actual: int, expected: Expected) -> None:
        self.actual = actual
        self.expected = expected
        super().__init__(f"revision {actual}, expected {expected}")


class RejectedByStore(Exception):
    """The event store refuses this request for good; its message says why and holds no content."""


class StoreUnavailable(Refused):
    """The event store is not reached; nothing was read or written."""

    def __init__(self) -> None:
        super().__init__(_STORE_UNAVAILABLE)


class AppendOutcomeUnknown(Refused):
    """The append was sent and not answered; repeating the same append is safe."""

    def __init__(self) -> None:
        super().__init__(_OUTCOME_UNKNOWN)


class Subscription(AsyncIterator[Recorded]):
    """Events without end: where the generator inside ends, for whatever reason, this raises StoreUnavailable."""

    def __init__(self, events: AsyncGenerator[Recorded, None]) -> None:
        self._events = events

    async def __anext__(self) -> Recorded:
        """The next event, however long it takes."""
        try:
            return await anext(self._events)
        except StopAsyncIteration:
            raise StoreUnavailable from None

    async def aclose(self) -> None:
        """Ends the subscription; not while a task waits for the next event."""
        await self._events.aclose()


class Streams(Protocol):
    """What changing a stream takes of an event store; every method may raise StoreUnavailable."""

    async def load(self, stream: str, *, after: int = -1) -> History:
        """The events after revision `after`; a missing or deleted stream is an empty history."""

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        """Appends all of `events` (at least one) or none, and gives the position of the last one.

        A repetition of the same append gives its original position: always at NO_STREAM and at an older revision, at
        ANY and EXISTS while the store remembers the ids, never at the current revision.
        Raises WrongRevision, AppendOutcomeUnknown, RejectedByStore.
        """


class EventStore(Streams, Protocol):
    """An append-only log of events in streams; every method may raise StoreUnavailable."""

    def read_all(
        self, *, after: int = 0, prefixes: tuple[str, ...], limit: int | None = None
    ) -> AsyncIterator[Recorded]:
        """The events after position `after` whose stream begins with one of `prefixes`, in the order of the log."""

    async def head(self, prefixes: tuple[str, ...]) -> Position:
        """The position of the last event whose stream begins with one of `prefixes`; 0 if there is none."""

    def subscribe(self, *, after: int, prefixes: tuple[str, ...]) -> Subscription:
        """As read_all, then whatever follows, for ever: ends only by raising StoreUnavailable.

        Cancelling the task that waits for the next event ends the subscription, so do not put a timeout around it.
        """

    async def set_retention(self, stream: str, *, max_count: int | None = None, max_age_s: int | None = None) -> None:
        """From now on `load` shows at most the last `max_count` events, none older than `max_age_s`."""

    async def close(self) -> None:
        """Waits for the answers to appends under way, then lets go of the connection."""
