"""The one writer of the log.

Each batch of operations is one transaction: when `commit` returns, all that it reports as appended is on the disk, and
what it reports as refused left no trace. Used by one thread at a time.
"""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from services.common.clock import Clock
from services.embedded.eventstore.concurrency import Place, settle
from services.embedded.eventstore.database import open_writer, read_head
from services.embedded.eventstore.model import (
    BINARY,
    JSON,
    TOMBSTONED,
    Append,
    Appended,
    Delete,
    Head,
    Operation,
    Outcome,
    Proposed,
    Recorded,
    Retention,
    StreamDeleted,
    Tombstone,
    WrongRevision,
    described_stream,
    json_object,
    metastream,
)

RECENT_IDS: Final = 100_000
"""How many ids an append at ANY is compared with; ten thousand of them survive a restart."""
RECENT_IDS_AT_START: Final = 10_000
KNOWN_HEADS: Final = 100_000

_UNKNOWN_ID: Final = b""
_ROWS_PER_STATEMENT: Final = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a batch: an outcome for each operation, the new events in order, the last position given."""

    outcomes: tuple[Outcome, ...]
    recorded: tuple[Recorded, ...]
    position: int


class Journal:
    """Owns the writing connection to `file`; raises what `open_writer` does."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._clock = clock
        self._connection = open_writer(file)
        self._heads: dict[str, Head] = {}
        self._recent: OrderedDict[tuple[int, bytes], Place] = OrderedDict()
        self.position: int = self._number("SELECT coalesce(max(position), 0) FROM event")
        self._next_key = self._number("SELECT coalesce(max(key), 0) + 1 FROM stream")
        for key, id, *place in self._connection.execute(
            "SELECT stream, id, revision, position FROM (SELECT * FROM event ORDER BY position DESC LIMIT ?)"
            " ORDER BY position",
            (RECENT_IDS_AT_START,),
        ):
            self._recent[key, id] = Place(*place)

    def close(self) -> None:
        """Moves the log into the file and lets go of it."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # the next start reads the log just as well
        finally:
            self._connection.close()

    def commit(self, operations: Sequence[Operation]) -> Batch:
        """Carries out `operations` in order; after sqlite3.Error none of them took place."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = _Transaction(self, self._clock)
            outcomes = tuple(transaction.carry_out(operation) for operation in operations)
            transaction.write()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._adopt(transaction)
        return Batch(outcomes, tuple(transaction.recorded), self.position)

    def known(self, stream: str) -> Head | None:
        """What is committed of `stream`, if that is at hand; for every thread."""
        return self._heads.get(stream)

    def head(self, stream: str) -> Head:
        """What is committed of `stream`; the empty Head if nothing is."""
        if known := self._heads.get(stream):
            return known
        head = read_head(self._connection, stream)
        if head.key:
            self._heads[stream] = head
        return head

    def recent(self, key: int, id: bytes) -> Place | None:
        """Where the recently committed event `id` of a stream is."""
        return self._recent.get((key, id))

    def between(self, key: int, first: int, last: int) -> list[tuple[bytes, Place]]:
        """Ids and places of a stream's committed events with the revisions `first` to `last`."""
        rows = self._connection.execute(
            "SELECT id, revision, position FROM event WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision",
            (key, first, last),
        )
        return [(id, Place(revision, position)) for id, revision, position in rows]

    def data(self, key: int, revision: int) -> bytes:
        """The data of a committed event."""
        (data,) = self._connection.execute(
            "SELECT data FROM event WHERE stream = ? AND revision = ?", (key, revision)
        ).fetchone()
        return bytes(data)

    @property
    def next_key(self) -> int:
        """The key of the next new stream."""
        return self._next_key

    def upsert(self, heads: Sequence[tuple[str, Head]]) -> None:
        """Writes what changed of streams, in the open transaction."""
        rows = [
            (head.key, name, head.last, kept.truncate_before, kept.max_count, kept.max_age_s)
            for name, head in heads
            for kept in (head.retention,)
        ]
        self._many(
            "INSERT INTO stream VALUES",
            rows,
            " ON CONFLICT (key) DO UPDATE SET last = excluded.last, truncate_before = excluded.truncate_before,"
            " max_count = excluded.max_count, max_age_s = excluded.max_age_s",
        )

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Writes events, in the open transaction."""
        self._many("INSERT INTO event VALUES", rows, "")

    def _many(self, before: str, rows: Sequence[tuple[object, ...]], after: str) -> None:
        # Each statement lets go of the interpreter's lock and waits to get it back: few statements are fast ones.
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            some = rows[start : start + _ROWS_PER_STATEMENT]
            marks = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * len(some))
            self._connection.execute(f"{before} {marks}{after}", [value for row in some for value in row])

    def _number(self, query: str) -> int:
        (number,) = self._connection.execute(query).fetchone()
        return int(number)

    def _adopt(self, transaction: "_Transaction") -> None:
        if len(self._heads) > KNOWN_HEADS:
            self._heads.clear()
        self._heads.update(transaction.heads)
        self._recent.update(transaction.places)
        while len(self._recent) > RECENT_IDS:
            self._recent.popitem(last=False)
        self.position, self._next_key = transaction.position, transaction.next_key


class _Transaction:
    """The journal as it will be once this batch is committed."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._now_us = int(clock().timestamp() * 1_000_000)
        self.heads: dict[str, Head] = {}
        self.places: dict[tuple[int, bytes], Place] = {}
        self.recorded: list[Recorded] = []
        self._rows: list[tuple[object, ...]] = []
        self.position = journal.position
        self.next_key = journal.next_key

    def carry_out(self, operation: Operation) -> Outcome:
        match operation:
            case Append(stream, events, expected):
                return self._append(stream, events, expected)
            case Delete(stream, expected):
                return self._delete(stream, expected)
            case Tombstone(stream, expected):
                return self._tombstone(stream, expected)

    def write(self) -> None:
        if self.heads:
            self._journal.upsert(tuple(self.heads.items()))
        if self._rows:
            self._journal.insert(self._rows)

    def _append(self, stream: str, events: Sequence[Proposed], expected: int) -> Outcome:
        described = described_stream(stream)
        if described is not None and self._head(described).tombstoned:
            return StreamDeleted()
        if settled := self._settle(stream, [event.id for event in events], expected):
            return settled
        head = self._head(stream)
        if not events:
            self.position += 1  # a genuine store's log grows by an empty append too, and so does its position
            return Appended(head.last, self.position)
        if head.retention.deleted:
            self._describe(stream, replace(head.retention, truncate_before=head.last + 1))
        for event in events:
            self._record(stream, event, self._head(stream).last + 1)
        if described is not None:
            self._retain(described, Retention.of_metadata(events[-1].data))
        return Appended(self._head(stream).last, self.position)

    def _delete(self, stream: str, expected: int) -> Outcome:
        if settled := self._settle(stream, [_UNKNOWN_ID], expected):
            return settled
        head = self._head(stream)
        if head.last < 0:
            return WrongRevision(head.last)
        self._describe(stream, replace(head.retention, truncate_before=TOMBSTONED))
        return Appended(head.last, self.position)

    def _tombstone(self, stream: str, expected: int) -> Outcome:
        if settled := self._settle(stream, [_UNKNOWN_ID], expected):
            return settled
        self._record(stream, self._system_event(stream, TOMBSTONED, "$streamDeleted", BINARY, b""), TOMBSTONED)
        return Appended(TOMBSTONED, self.position)

    def _settle(self, stream: str, ids: Sequence[bytes], expected: int) -> Outcome | None:
        head = self._head(stream)

        def recent(id: bytes) -> Place | None:
            return self.places.get((head.key, id)) or self._journal.recent(head.key, id)

        def following(revision: int, count: int) -> list[tuple[bytes, Place]]:
            last = min(revision + count, head.last)
            here = [
                (event.id, Place(event.revision, event.position))
                for event in self.recorded
                if event.stream == stream and revision < event.revision <= last
            ]
            return self._journal.between(head.key, revision + 1, last) + here

        return settle(
            expected,
            ids,
            head,
            has_metadata=lambda: self._head(metastream(stream)).last >= 0,
            recent=recent,
            following=following,
        )

    def _head(self, stream: str) -> Head:
        return self.heads.get(stream) or self._journal.head(stream)

    def _describe(self, stream: str, retention: Retention) -> None:
        """Appends to the stream's metadata that it is now truncated as `retention` says."""
        name = metastream(stream)
        document = {**json_object(self._last_data(name)), "$tb": retention.truncate_before}
        revision = self._head(name).last + 1
        data = json.dumps(document, separators=(",", ":")).encode()
        self._record(name, self._system_event(name, revision, "$metadata", JSON, data), revision)
        self._retain(stream, retention)

    def _last_data(self, stream: str) -> bytes:
        for event in reversed(self.recorded):
            if event.stream == stream:
                return event.data
        head = self._head(stream)
        return self._journal.data(head.key, head.last) if head.last >= 0 else b""

    def _retain(self, stream: str, retention: Retention) -> None:
        self.heads[stream] = replace(self._keyed_head(stream), retention=retention)

    def _keyed_head(self, stream: str) -> Head:
        head = self._head(stream)
        if not head.key:
            head, self.next_key = replace(head, key=self.next_key), self.next_key + 1
        return head

    def _record(self, stream: str, event: Proposed, revision: int) -> None:
        head = self._keyed_head(stream)
        self.position += 1
        self.heads[stream] = replace(head, last=revision)
        self.places[head.key, event.id] = Place(revision, self.position)
        recorded = Recorded(self.position, stream, revision, event.id, event.type, event.content_type,
                            self._now_us, event.metadata, event.data)  # fmt: skip
        self.recorded.append(recorded)
        self._rows.append((self.position, head.key, *recorded[2:]))

    def _system_event(self, stream: str, revision: int, type: str, content_type: str, data: bytes) -> Proposed:
        return Proposed(uuid5(NAMESPACE_OID, f"{stream}/{revision}").bytes, type, content_type, b"", data)
