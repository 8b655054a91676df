"""A view's tables to which events are given, on a real database; and histories of streams, mixed in many ways."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import sqlalchemy as sa
from google.protobuf.message import Message

from services.common.codec import Event
from services.common.ids import Position, StreamName
from services.common.projection.statements import Statement, execute

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Row = dict[str, object]


@dataclass(frozen=True)
class History:
    """Events in the order of the log."""

    events: tuple[Event, ...]

    @classmethod
    def of(cls, messages: Iterable[tuple[str, Message]]) -> History:
        """Of messages, each with its stream."""
        revisions: dict[str, int] = {}
        events = []
        for number, (stream, message) in enumerate(messages):
            revisions[stream] = revisions.get(stream, -1) + 1
            events.append(
                Event(
                    stream=StreamName(stream),
                    revision=revisions[stream],
                    position=Position(100 + number),
                    id=uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
                    type=message.DESCRIPTOR.full_name,
                    message=message,
                    metadata={},
                    recorded_at=AT + timedelta(seconds=number),
                )
            )
        return cls(tuple(events))

    def interleaved(self, random: Random) -> History:
        """The same events with their positions, in another order, which keeps that of each stream."""
        streams: dict[str, list[Event]] = {}
        for event in self.events:
            streams.setdefault(event.stream, []).append(event)
        waiting, mixed = list(streams.values()), []
        while waiting:
            stream = random.choice(waiting)
            mixed.append(stream.pop(0))
            waiting = [one for one in waiting if one]
        return History(tuple(mixed))


class Tables:
    """The tables of a view in memory."""

    def __init__(self, connection: sa.Connection, reduce: Callable[[Event], Sequence[Statement]]) -> None:
        self._connection = connection
        self._reduce = reduce

    def given(self, history: History) -> None:
        for event in history.events:
            for statement in self._reduce(event):
                execute(self._connection, statement)

    def rows(self, table: sa.Table) -> list[Row]:
        """In the order of the primary key."""
        found = self._connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        return [dict(row) for row in found.mappings()]

    def everything(self, metadata: sa.MetaData) -> dict[str, list[Row]]:
        return {table.name: self.rows(table) for table in metadata.sorted_tables}


@contextmanager
def tables(metadata: sa.MetaData, reduce: Callable[[Event], Sequence[Statement]]) -> Iterator[Tables]:
    """Empty tables."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            yield Tables(connection, reduce)
    finally:
        engine.dispose()
