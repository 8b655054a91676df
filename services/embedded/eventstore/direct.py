"""The event store for the process that brings it: the same log, without a call to itself over a socket."""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from services.common.eventstore import (
    AppendOutcomeUnknown,
    Expected,
    ExpectedState,
    History,
    NewEvent,
    RejectedByStore,
    StoreUnavailable,
    Subscription,
    WrongRevision,
    wire,
)
from services.common.eventstore import Recorded as Event
from services.common.eventstore.types import check_prefixes
from services.common.ids import Position, StreamName
from services.embedded.eventstore import model
from services.embedded.eventstore.commits import GroupCommit
from services.embedded.eventstore.filters import Filter
from services.embedded.eventstore.journal import Journal
from services.embedded.eventstore.live import Live
from services.embedded.eventstore.log import PAGE_EVENTS, Log
from services.embedded.eventstore.model import Append, Appended, Outcome, Proposed, Recorded

TIMEOUT_S = 5.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPECTED = {
    ExpectedState.NO_STREAM: model.NO_STREAM,
    ExpectedState.ANY: model.ANY,
    ExpectedState.EXISTS: model.EXISTS,
}


class DirectEventStore:
    """See EventStore; for the node's own event loop."""

    def __init__(self, journal: Journal, commits: GroupCommit, log: Log, live: Live) -> None:
        self._journal = journal
        self._commits = commits
        self._log = log
        self._live = live
        self._closed = False

    async def load(self, stream: str, *, after: int = -1) -> History:
        """See EventStore."""
        self._check_open()
        # Most loads ask whether there is anything new, which the writer knows: what it knows is committed, and what
        # was acknowledged it knows.
        known = self._journal.known(stream)
        if known and known.readable and known.last <= after:
            return History(StreamName(stream), revision=after)
        events: list[Event] = []
        start, complete = after + 1, False
        while not complete:
            try:
                page = await self._log.stream(stream, start)
            except sqlite3.Error:
                raise StoreUnavailable from None
            events += map(_event, page.events)
            complete = page.complete
            if page.events:
                start = page.events[-1].revision + 1
        if not events:
            return History(StreamName(stream), revision=after)
        return History(StreamName(stream), tuple(events), events[-1].revision, events[-1].position)

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        """See EventStore."""
        if not events:
            raise ValueError("an append needs at least one event")
        return await self._append(stream, [_proposed(event, model.BINARY) for event in events], expected)

    async def _append(self, stream: str, events: Sequence[Proposed], expected: Expected) -> Position:
        self._check_open()
        if sum(len(event.data) + len(event.metadata) for event in events) > model.APPEND_LIMIT_BYTES:
            raise RejectedByStore("the append is too large")
        revision = _EXPECTED[expected] if isinstance(expected, ExpectedState) else expected
        try:
            async with asyncio.timeout(TIMEOUT_S):
                operation = Append(stream, tuple(events), revision)
                outcome = await self._commits.outcome(operation, time.monotonic() + TIMEOUT_S)
        except TimeoutError:
            raise AppendOutcomeUnknown from None
        return _position(outcome, expected)

    async def read_all(
        self, *, after: int = 0, prefixes: tuple[str, ...], limit: int | None = None
    ) -> AsyncIterator[Event]:
        """See EventStore."""
        check_prefixes(prefixes)
        wanted, end, found = Filter(prefixes=prefixes), self._live.position, 0
        while after < end and (limit is None or found < limit):
            self._check_open()
            try:
                page = await self._log.forwards(after, end, wanted, PAGE_EVENTS if limit is None else limit - found)
            except sqlite3.Error:
                raise StoreUnavailable from None
            for recorded in page.events:
                yield _event(recorded)
            after, found = page.reached, found + len(page.events)

    async def head(self, prefixes: tuple[str, ...]) -> Position:
        """See EventStore."""
        check_prefixes(prefixes)
        self._check_open()
        before = self._live.position + 1
        while before > 1:
            try:
                page = await self._log.backwards(before, Filter(prefixes=prefixes), limit=1)
            except sqlite3.Error:
                raise StoreUnavailable from None
            if page.events:
                return Position(page.events[0].position)
            before = page.reached
        return Position(0)

    def subscribe(self, *, after: int, prefixes: tuple[str, ...]) -> Subscription:
        """See EventStore."""
        check_prefixes(prefixes)
        return Subscription(self._follow(after, Filter(prefixes=prefixes)))

    async def _follow(self, position: int, wanted: Filter) -> AsyncGenerator[Event, None]:
        while not (self._live.closed or self._closed):
            end, events = self._live.position, self._live.after(position)
            if events is None:
                try:
                    page = await self._log.forwards(position, end, wanted)
                except sqlite3.Error:
                    raise StoreUnavailable from None
                events, end = list(page.events), page.reached
            for recorded in events:
                if wanted.matches(recorded.stream, recorded.type):
                    yield _event(recorded)
            position = max(position, end)
            await self._live.news(position)

    async def set_retention(self, stream: str, *, max_count: int | None = None, max_age_s: int | None = None) -> None:
        """See EventStore."""
        event = NewEvent("$metadata", wire.retention(max_count, max_age_s), {}, uuid.uuid4())
        await self._append(model.metastream(stream), [_proposed(event, model.JSON)], ExpectedState.ANY)

    async def close(self) -> None:
        """See EventStore; the node lives on."""
        self._closed = True
        self._live.wake()

    def _check_open(self) -> None:
        if self._closed or self._live.closed:
            raise StoreUnavailable


def _proposed(event: NewEvent, content_type: str) -> Proposed:
    return Proposed(event.id.bytes, event.type, content_type, wire.metadata_bytes(event.metadata), event.data)


def _event(recorded: Recorded) -> Event:
    return Event(
        stream=StreamName(recorded.stream),
        revision=recorded.revision,
        position=Position(recorded.position),
        id=uuid.UUID(bytes=recorded.id),
        type=recorded.type,
        data=recorded.data,
        metadata=wire.metadata(recorded.metadata),
        recorded_at=_EPOCH + timedelta(microseconds=recorded.created_us),
    )


def _position(outcome: Outcome, expected: Expected) -> Position:
    match outcome:
        case Appended(position=position):
            return Position(position)
        case model.WrongRevision(actual=actual):
            raise WrongRevision(actual, expected)
        case model.StreamDeleted():
            raise RejectedByStore("the stream is closed for ever")
        case model.Expired() | model.Unwritten():
            raise AppendOutcomeUnknown
