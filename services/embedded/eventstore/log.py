"""Reading the log: pages, each from one of a few connections, on a few threads."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from services.common.clock import Clock
from services.embedded.eventstore.database import open_reader, read_head
from services.embedded.eventstore.filters import Filter
from services.embedded.eventstore.model import METADATA_RETENTION, TOMBSTONED, Head, Recorded, described_stream

T = TypeVar("T")

PAGE_EVENTS: Final = 256
PAGE_BYTES: Final = 2 * 1024 * 1024
SCAN_POSITIONS: Final = 4096
"""How much of the log one page looks through for events that pass a filter."""
_READERS: Final = 3

_EVENT: Final = (
    "event.position, stream.name, event.revision, event.id, event.type, event.content_type, event.created_us,"
    " event.metadata, event.data"
)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of $all in order, and the position up to which the log was looked through."""

    events: tuple[Recorded, ...]
    reached: int


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Some events of a stream in order, the state of the stream, and whether nothing follows in this direction."""

    events: tuple[Recorded, ...]
    head: Head
    complete: bool


class Log:
    """Reads `file`, which the journal has made."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._clock = clock
        self._connections: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="eventstore-reader")
        for _ in range(_READERS):
            self._connections.put(open_reader(file))

    def close(self) -> None:
        """Waits for pages being read, then closes the connections."""
        self._threads.shutdown()
        for _ in range(_READERS):
            self._connections.get().close()

    async def forwards(self, after: int, upto: int, filter: Filter, limit: int = PAGE_EVENTS) -> Page:
        """The next events after the position `after`, none beyond `upto`."""
        upto = min(upto, after + SCAN_POSITIONS)
        return await self._read(lambda reader: _forwards(reader, after, upto, filter, min(limit, PAGE_EVENTS)))

    async def backwards(self, before: int, filter: Filter, limit: int = PAGE_EVENTS) -> Page:
        """The next events before the position `before`, the latest first."""
        return await self._read(lambda reader: _backwards(reader, before, filter, min(limit, PAGE_EVENTS)))

    async def stream(self, name: str, start: int, *, backwards: bool = False, limit: int = PAGE_EVENTS) -> StreamPage:
        """The visible events of a stream from the revision `start` on, in the given direction."""
        now_us = int(self._clock().timestamp() * 1_000_000)
        limit = min(limit, PAGE_EVENTS)
        return await self._read(lambda reader: _stream(reader, name, start, backwards, limit, now_us))

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        def borrowed() -> T:
            reader = self._connections.get()
            try:
                return read(reader)
            finally:
                self._connections.put(reader)

        return await asyncio.get_running_loop().run_in_executor(self._threads, borrowed)


def _forwards(reader: sqlite3.Connection, after: int, upto: int, filter: Filter, limit: int) -> Page:
    condition, parameters = filter.condition()
    rows = reader.execute(
        f"SELECT {_EVENT} FROM event CROSS JOIN stream ON stream.key = event.stream"  # noqa: S608
        f" WHERE event.position > ? AND event.position <= ? AND {condition} ORDER BY event.position LIMIT ?",
        (after, upto, *parameters, limit),
    )
    events, cut = _some(rows, limit)
    return Page(events, events[-1].position if cut else max(upto, after))


def _backwards(reader: sqlite3.Connection, before: int, filter: Filter, limit: int) -> Page:
    condition, parameters = filter.condition()
    (last,) = reader.execute("SELECT max(position) FROM event WHERE position < ?", (before,)).fetchone()
    if last is None:
        return Page((), 0)
    first = max(0, last - SCAN_POSITIONS)
    rows = reader.execute(
        f"SELECT {_EVENT} FROM event CROSS JOIN stream ON stream.key = event.stream"  # noqa: S608
        f" WHERE event.position <= ? AND event.position > ? AND {condition} ORDER BY event.position DESC LIMIT ?",
        (last, first, *parameters, limit),
    )
    events, cut = _some(rows, limit)
    return Page(events, events[-1].position if cut else first + 1)


def _stream(reader: sqlite3.Connection, name: str, start: int, backwards: bool, limit: int, now_us: int) -> StreamPage:
    described = described_stream(name)
    if described is not None and read_head(reader, described).tombstoned:
        return StreamPage((), Head(0, TOMBSTONED), True)
    head = read_head(reader, name)
    if not head.readable:
        return StreamPage((), head, True)
    retention = METADATA_RETENTION if described is not None else head.retention
    first, direction = retention.first_revision(head.last), "DESC" if backwards else "ASC"
    low, high = (first, start) if backwards else (max(first, start), head.last)
    rows = reader.execute(
        f"SELECT {_EVENT} FROM event CROSS JOIN stream ON stream.key = event.stream"  # noqa: S608
        " WHERE event.stream = ? AND event.revision BETWEEN ? AND ? AND event.created_us >= ?"
        f" ORDER BY event.revision {direction} LIMIT ?",
        (head.key, low, high, retention.created_since_us(now_us), limit),
    )
    events, cut = _some(rows, limit)
    return StreamPage(events, head, not cut)


def _some(rows: sqlite3.Cursor, limit: int) -> tuple[tuple[Recorded, ...], bool]:
    """The rows as events, and whether more may follow: at most `limit`, and about PAGE_BYTES."""
    events: list[Recorded] = []
    size_bytes = 0
    for row in rows:
        event = Recorded._make(row)
        events.append(event)
        size_bytes += event.size_bytes
        if size_bytes >= PAGE_BYTES:
            break
    rows.close()  # lets go of the snapshot, which would hold up the write-ahead log
    return tuple(events), bool(events) and (len(events) >= limit or size_bytes >= PAGE_BYTES)
