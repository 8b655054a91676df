"""What the ledger's tables hold after which events, on a real database."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    READER_KIND_MEMBER,
    Access,
    AccessesErased,
    AccessesRecorded,
    LiveAccessClosed,
    Objects,
)
from regard.chat.v1.events_pb2 import MessageSent
from regard.groups.v1.events_pb2 import GroupArchived, GroupDeleted

from services.audit import queries
from services.audit.views import AUTHORS, DELETED, HEADS, LEDGER, MESSAGES, METADATA, OBJECTS, reduce
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
                erases = isinstance(message, AccessesErased)
                self.revision += not erases
                event = Event(
                    stream=StreamName(f"ledger-{GROUP}" if erases else f"access-{GROUP}"),
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


def access(access_id: str, *objects: str, authors: tuple[str, ...] = (), days: int = 0) -> Access:
    found = Access(
        access_id=access_id,
        reader_id="awa",
        reader_kind=READER_KIND_MEMBER,
        action=ACTION_READ,
        objects=[Objects(type="post", ids=objects)],
        author_ids=authors,
    )
    found.at.FromDatetime(AT + timedelta(days=days))
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


def erased(up_to_revision: int, days: int | None) -> AccessesErased:
    found = AccessesErased(group_id=GROUP, up_to_revision=up_to_revision, up_to_position=100 + up_to_revision)
    if days is not None:
        found.before.FromDatetime(AT + timedelta(days=days))
    return found


ACCESSES = [recorded(access(f"a{n}", "p", f"p{n}", authors=("ben",), days=n), access(f"b{n}", "p")) for n in range(4)]
ORDERS = list(itertools.combinations(range(6), 2))


@pytest.mark.parametrize("places", ORDERS, ids=str)
async def test_what_was_erased_stays_away_in_whichever_order_it_is_told(view: View, places: tuple[int, int]) -> None:
    erasures, accesses = iter([erased(0, 1), erased(2, 2)]), iter(ACCESSES)
    await view.given(*(next(erasures if at in places else accesses) for at in range(6)))
    # Of the accesses, the second in each event is as old as the first event.
    kept = [(2, 0, "a2"), (3, 0, "a3"), (3, 1, "b3")]
    assert [(row["revision"], row["index"], row["access_id"]) for row in await view.rows(LEDGER)] == kept
    by_place = sorted((row["revision"], row["index"], row["object_id"]) for row in await view.rows(OBJECTS))
    assert by_place == [(2, 0, "p"), (2, 0, "p2"), (3, 0, "p"), (3, 0, "p3"), (3, 1, "p")]
    assert [(row["revision"], row["index"]) for row in await view.rows(AUTHORS)] == [(2, 0), (3, 0)]
    assert [(row["revision"], row["position"]) for row in await view.rows(HEADS)] == [(3, 103)]


async def test_a_head_outlives_the_events_that_it_stood_for(view: View) -> None:
    await view.given(erased(7, 1), erased(9, None))
    assert [(row["revision"], row["position"]) for row in await view.rows(HEADS)] == [(9, 109)]
    await view.given(*ACCESSES)
    assert await view.rows(LEDGER) == []


async def test_deleted_groups_are_remembered_with_who_deleted_them(view: View) -> None:
    await view.given(GroupDeleted(group_id=GROUP, deleted_by="awa"), GroupDeleted(group_id=GROUP, deleted_by="awa"))
    assert await view.rows(DELETED) == [{"group_id": GROUP, "deleted_by": "awa"}]
