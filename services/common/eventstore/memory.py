"""The event store in memory: the port's twin for tests, with a node's rules on revisions and repetition."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from services.common.clock import Clock
from services.common.eventstore.types import (
    Expected,
    ExpectedState,
    History,
    NewEvent,
    Recorded,
    StoreUnavailable,
    Subscription,
    WrongRevision,
    check_prefixes,
)
from services.common.ids import Position, StreamName


@dataclass(frozen=True, slots=True)
class _Retention:
    max_count: int | None = None
    max_age_s: int | None = None


class MemoryEventStore:
    """Keeps everything in lists; lost with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log: list[Recorded] = []
        self._streams: dict[str, list[Recorded]] = defaultdict(list)
        self._retention: dict[str, _Retention] = {}
        self._grown = asyncio.Condition()
        self._closed = False

    async def load(self, stream: str, *, after: int = -1) -> History:
        """See EventStore."""
        self._check_open()
        events = tuple(event for event in self._visible(stream) if event.revision > after)
        if not events:
            return History(StreamName(stream), revision=after)
        return History(StreamName(stream), events, events[-1].revision, events[-1].position)

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        """See EventStore."""
        self._check_open()
        if not events:
            raise ValueError("an append needs at least one event")
        recorded = self._streams[stream]
        if (repeated := _repeated(recorded, events, expected)) is not None:
            return repeated
        _check_revision(len(recorded) - 1, expected)
        for event in events:
            stored = Recorded(
                stream=StreamName(stream),
                revision=len(recorded),
                position=Position(len(self._log) + 1),
                id=event.id,
                type=event.type,
                data=event.data,
                metadata=MappingProxyType(dict(event.metadata)),
                recorded_at=self._clock(),
            )
            self._log.append(stored)
            recorded.append(stored)
        position = self._log[-1].position
        async with self._grown:
            self._grown.notify_all()
        return position

    async def read_all(
        self, *, after: int = 0, prefixes: tuple[str, ...], limit: int | None = None
    ) -> AsyncIterator[Recorded]:
        """See EventStore."""
        self._check_open()
        check_prefixes(prefixes)
        sent = 0
        for event in self._log[after:]:
            if limit is not None and sent >= limit:
                return
            if event.stream.startswith(prefixes):
                sent += 1
                yield event

    async def head(self, prefixes: tuple[str, ...]) -> Position:
        """See EventStore."""
        self._check_open()
        check_prefixes(prefixes)
        matching = (event.position for event in reversed(self._log) if event.stream.startswith(prefixes))
        return next(matching, Position(0))

    def subscribe(self, *, after: int, prefixes: tuple[str, ...]) -> Subscription:
        """See EventStore."""
        check_prefixes(prefixes)
        return Subscription(self._follow(after, prefixes))

    async def _follow(self, after: int, prefixes: tuple[str, ...]) -> AsyncGenerator[Recorded, None]:
        seen = after
        while True:
            self._check_open()
            for event in self._log[seen:]:
                seen = event.position
                if event.stream.startswith(prefixes):
                    yield event
            async with self._grown:
                while not self._closed and len(self._log) <= seen:
                    await self._grown.wait()

    async def set_retention(self, stream: str, *, max_count: int | None = None, max_age_s: int | None = None) -> None:
        """See EventStore."""
        self._check_open()
        self._retention[stream] = _Retention(max_count, max_age_s)

    async def close(self) -> None:
        """Ends all subscriptions; every later call raises StoreUnavailable."""
        self._closed = True
        async with self._grown:
            self._grown.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable

    def _visible(self, stream: str) -> Sequence[Recorded]:
        events = self._streams.get(stream, [])
        retention = self._retention.get(stream, _Retention())
        if retention.max_count is not None:
            events = events[-retention.max_count :]
        if retention.max_age_s is not None:
            oldest = self._clock() - timedelta(seconds=retention.max_age_s)
            events = [event for event in events if event.recorded_at >= oldest]
        return events


def _repeated(recorded: Sequence[Recorded], events: Sequence[NewEvent], expected: Expected) -> Position | None:
    """The position of the append that this one repeats, by a node's rules; None if it is new."""
    match expected:
        case ExpectedState.ANY | ExpectedState.EXISTS:
            known: dict[uuid.UUID, Position] = {event.id: event.position for event in recorded}
            if all(event.id in known for event in events):
                return known[events[-1].id]
            return None
        case ExpectedState.NO_STREAM:
            start = 0
        case int():
            start = expected + 1
    there = recorded[start : start + len(events)]
    if [event.id for event in there] == [event.id for event in events]:
        return there[-1].position
    return None


def _check_revision(actual: int, expected: Expected) -> None:
    match expected:
        case ExpectedState.ANY:
            agrees = True
        case ExpectedState.EXISTS:
            agrees = actual >= 0
        case ExpectedState.NO_STREAM:
            agrees = actual < 0
        case int():
            agrees = actual == expected
    if not agrees:
        raise WrongRevision(actual, expected)
