"""What the ledger's tables hold after which events, on a real database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    READER_KIND_MEMBER,
    Access,
    AccessesRecorded,
    LiveAccessClosed,
    Objects,
)
from regard.chat.v1.events_pb2 import MessageSent
from regard.groups.v1.events_pb2 import GroupArchived

from services.audit import queries
from services.audit.views import AUTHORS, LEDGER, MESSAGES, METADATA, OBJECTS, reduce
from services.common.codec import Event
from services.common.database import Database
from services.common.ids import Position, StreamName
from services.common.projection.statements import execute

GROUP = "11111111-1111-4111-8111-111111111111"
AT = datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC)


class View:
    """A ledger to which events are given."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.revision = -1

    async def given(self, *messages: Message) -> None:
        async with self.database.begin() as transaction:
            for message in messages:
                self.revision += 1
                event = Event(
                    stream=StreamName(f"access-{GROUP}"),
                    revision=self.revision,
                    position=Position(100 + self.revision),
                    id=uuid.uuid4(),
                    type=message.DESCRIPTOR.full_name,
                    message=message,
                    metadata={},
                    recorded_at=AT,
                )
                for statement in reduce(event):
                    await transaction.run_sync(execute, statement)

    async def rows(self, table: sa.Table) -> list[dict[str, object]]:
        async with self.database.read() as connection:
            found = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            return [dict(row) for row in found.mappings()]


@pytest.fixture
async def view(tmp_path: Path) -> AsyncIterator[View]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/audit.sqlite")
    await database.create(METADATA)
    yield View(database)
    await database.dispose()


def access(access_id: str, *objects: str, authors: tuple[str, ...] = ()) -> Access:
    found = Access(
        access_id=access_id,
        reader_id="awa",
        reader_kind=READER_KIND_MEMBER,
        action=ACTION_READ,
        objects=[Objects(type="post", ids=objects)],
        author_ids=authors,
    )
    found.at.FromDatetime(AT)
    return found


def recorded(*accesses: Access) -> AccessesRecorded:
    return AccessesRecorded(group_id=GROUP, accesses=accesses)


async def test_each_access_has_its_place_what_it_touched_and_whose_it_was(view: View) -> None:
    await view.given(recorded(access("a1", "p1", "p2", authors=("ben",)), access("a2", "p1")), recorded(access("a3")))
    rows = await view.rows(LEDGER)
    assert [(row["access_id"], row["revision"], row["index"], row["of"]) for row in rows] == [
        ("a1", 0, 0, 2),
        ("a2", 0, 1, 2),
        ("a3", 1, 0, 1),
    ]
    assert Access.FromString(rows[0]["record"]) == access("a1", "p1", "p2", authors=("ben",))  # type: ignore[arg-type]
    assert [(row["object_id"], row["index"]) for row in await view.rows(OBJECTS)] == [("p1", 0), ("p1", 1), ("p2", 0)]
    assert [(row["author_id"], row["index"]) for row in await view.rows(AUTHORS)] == [("ben", 0)]


async def test_runs_and_messages_keep_their_places(view: View) -> None:
    run = access("a1")
    del run.objects[:]
    run.objects.extend(
        [Objects(type="message", ids=["r"], first=2, last=5), Objects(type="message", ids=["r"], first=9, last=9)]
    )
    await view.given(recorded(run), MessageSent(message_id="m", room_id="r", group_id=GROUP, author_id="ben"))
    assert [(row["object_id"], row["first"], row["last"]) for row in await view.rows(OBJECTS)] == [
        ("r", 2, 5),
        ("r", 9, 9),
    ]
    (message,) = await view.rows(MESSAGES)
    assert (message["message_id"], message["room_id"], message["sequence"], message["position"]) == ("m", "r", 2, 101)


async def test_an_event_that_was_appended_twice_keeps_its_place_and_is_listed_once(view: View) -> None:
    await view.given(recorded(access("a1", "p1")), recorded(access("a1", "p1")), recorded(access("a2", "p1")))
    assert [(row["access_id"], row["repeats"]) for row in await view.rows(LEDGER)] == [
        ("a1", False),
        ("a1", True),
        ("a2", False),
    ]
    async with view.database.read() as connection:
        assert await queries.head(connection, GROUP) == (2, 102)
        marks = await queries.changes(connection, GROUP, (0, 0), 10)
    assert [position for position, _ in marks] == [100, 102]


async def test_a_live_access_that_ends_says_so_and_moves_the_head(view: View) -> None:
    closed = LiveAccessClosed(group_id=GROUP, access_id="a1", last_position=7)
    closed.at.FromDatetime(AT)
    await view.given(recorded(access("a1"), access("a2")), closed)
    first, second = await view.rows(LEDGER)
    assert (first["ended_at_us"], first["position"]) == (int(AT.timestamp() * 1_000_000), 101)
    assert (first["last_position"], second["last_position"]) == (7, None)
    assert (second["ended_at_us"], second["position"]) == (None, 100)
    async with view.database.read() as connection:
        assert await queries.head(connection, GROUP) == (1, 101)


async def test_other_events_change_nothing(view: View) -> None:
    await view.given(GroupArchived(group_id=GROUP), AccessesRecorded(group_id=GROUP))
    assert await view.rows(LEDGER) == []
