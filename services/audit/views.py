"""Read tables of audit: one row per access, and how an access event becomes rows.

A row's place is its event's revision on the group's access stream, its index there, and how many that event holds:
revisions have no gap, so neither have places. An event that was appended twice, because its first answer was lost,
keeps its place with rows marked as repeats, which no list shows.

What was erased comes on another stream than the accesses, in no fixed order to them: how far each group's accesses are
erased is remembered, so that tables that are filled anew do not bring them back.

A break-glass of which members are told later has a ledger of its own, by its id in place of a group's. SEALED says of
which group it is, and since when that may be known.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ACTION_LIVE, Access, AccessesErased, AccessesRecorded, LiveAccessClosed
from regard.chat.v1.events_pb2 import MessageSent
from regard.groups.v1.events_pb2 import BreakGlassDisclosed, BreakGlassRequested, GroupDeleted
from sqlalchemy.dialects.postgresql import Insert, insert

from services.access import insert_if
from services.common.codec import Event
from services.common.ids import key_of
from services.common.moments import microseconds
from services.common.projection import Prepared, Projection, Statement, parameter

TOPIC = "regard.audit.events"
CHAT_TOPIC = "regard.chat.events"
GROUPS_TOPIC = "regard.groups.events"
HOUR_US = 3_600_000_000
PLACES_PER_EVENT = 1000
"""More than the accesses that one event holds."""

_AFTER_ALL_US = 2**62

METADATA = sa.MetaData()

LEDGER = sa.Table(
    "ledger_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("of", sa.Integer, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),  # orders rows of all groups: position of the event, then index
    sa.Column("access_id", sa.String(36), nullable=False, index=True),
    sa.Column("repeats", sa.Boolean, nullable=False),
    sa.Column("reader_id", sa.String(36), nullable=False),
    sa.Column("reader_kind", sa.Integer, nullable=False),
    sa.Column("action", sa.Integer, nullable=False),
    sa.Column("purpose", sa.Integer, nullable=False),
    sa.Column("purpose_reference", sa.String(100), nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("hour", sa.BigInteger, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),  # the Access as it was recorded
    sa.Column("position", sa.BigInteger, nullable=False),  # of the last event that concerns it
    sa.Column("ended_at_us", sa.BigInteger),
    sa.Column("last_position", sa.BigInteger),  # of a live access that ended: up to where its reader got
    sa.Index("ledger_v1_by_group", "group_id", "place"),
    sa.Index("ledger_v1_by_place", "place"),
    sa.Index("ledger_v1_by_hour", "group_id", "hour", "place"),
    sa.Index("ledger_v1_by_change", "group_id", "position"),
    sa.Index("ledger_v1_by_reader", "reader_id", "place"),
)
_live = LEDGER.c.action == int(ACTION_LIVE)
sa.Index("ledger_v1_live", LEDGER.c.group_id, LEDGER.c.place, postgresql_where=_live, sqlite_where=_live)
# What was accessed: an object, or, with `first` and `last`, a run of messages in the room `object_id`.
OBJECTS = sa.Table(
    "ledger_objects_v1",
    METADATA,
    sa.Column("object_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Index("ledger_objects_v1_by_place", "group_id", "revision", "index"),
)
AUTHORS = sa.Table(
    "ledger_authors_v1",
    METADATA,
    sa.Column("author_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Index("ledger_authors_v1_by_place", "group_id", "revision", "index"),
)
HEADS = sa.Table(
    "ledger_heads_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
)
# How far a group's accesses are erased: those up to the revision that were allowed before then.
ERASED = sa.Table(
    "ledger_erased_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("up_to_revision", sa.BigInteger, nullable=False),
    sa.Column("before_us", sa.BigInteger, nullable=False),
)
# Groups that were deleted, and by whom: accesses to them are to be erased.
DELETED = sa.Table(
    "ledger_deleted_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("deleted_by", sa.String(36), nullable=False),
)

# Break-glass of which members are told later; `disclosed_at_us` once they were.
SEALED = sa.Table(
    "ledger_sealed_v1",
    METADATA,
    sa.Column("break_glass_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False, index=True),
    sa.Column("disclose_at_us", sa.BigInteger, nullable=False),
    sa.Column("disclosed_at_us", sa.BigInteger),
)

# Which place in its room a message has, so that who read it can be told from runs and from live accesses.
MESSAGES = sa.Table(
    "ledger_messages_v1",
    METADATA,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("room_id", sa.String(36), nullable=False),
    sa.Column("group_id", sa.String(36), nullable=False),
    sa.Column("author_id", sa.String(36), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("ledger_messages_v1_by_author", "author_id", "group_id", "position"),
)

Statements = Sequence[Statement]


def _inserted(table: sa.Table) -> Insert:
    row = {column.name: parameter(column) for column in table.columns}
    return insert(table).values(row).on_conflict_do_nothing()


def _inserted_unless_erased(table: sa.Table) -> sa.UpdateBase:
    row = {column.name: parameter(column) for column in table.columns}
    return insert_if(~_erased(row["group_id"], row["revision"], parameter(LEDGER.c.at_us)), table, row)


def _erased(
    group_id: sa.ColumnElement[str], revision: sa.ColumnElement[int], at_us: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        ERASED.c.group_id == group_id, ERASED.c.up_to_revision >= revision, ERASED.c.before_us > at_us
    )


def _removed(table: sa.Table) -> sa.UpdateBase:
    """Deletes what is erased of a group, or what belongs to such an access."""
    this = table.c.group_id == parameter(table.c.group_id)
    reaches = sa.select(ERASED.c.up_to_revision).where(ERASED.c.group_id == parameter(table.c.group_id))
    gone = _erased(LEDGER.c.group_id, LEDGER.c.revision, LEDGER.c.at_us)
    if table is not LEDGER:
        places = (table.c[name] == LEDGER.c[name] for name in ("group_id", "revision", "index"))
        gone = sa.exists().where(*places, gone).correlate(table)
    return sa.delete(table).where(this, table.c.revision <= reaches.scalar_subquery(), gone)


def _remembered() -> sa.UpdateBase:
    row = insert(ERASED).values({column.name: parameter(column) for column in ERASED.columns})
    further = {
        column.name: sa.case((row.excluded[column.name] > column, row.excluded[column.name]), else_=column)
        for column in (ERASED.c.up_to_revision, ERASED.c.before_us)
    }
    return row.on_conflict_do_update(index_elements=["group_id"], set_=further)


def _marked_repeats() -> sa.UpdateBase:
    earlier = LEDGER.alias()
    repeats = sa.exists().where(earlier.c.access_id == LEDGER.c.access_id, earlier.c.place < LEDGER.c.place)
    here = (LEDGER.c.group_id == parameter(LEDGER.c.group_id), LEDGER.c.revision == parameter(LEDGER.c.revision))
    return sa.update(LEDGER).where(*here, repeats).values(repeats=True)


def _ended() -> sa.UpdateBase:
    this = (LEDGER.c.access_id == parameter(LEDGER.c.access_id), LEDGER.c.group_id == parameter(LEDGER.c.group_id))
    changed = (LEDGER.c.ended_at_us, LEDGER.c.last_position, LEDGER.c.position)
    return sa.update(LEDGER).where(*this).values({column.name: parameter(column) for column in changed})


def _moved_head() -> sa.UpdateBase:
    statement = insert(HEADS).values({column.name: parameter(column) for column in HEADS.columns})
    return statement.on_conflict_do_update(
        index_elements=["group_id"],
        set_={"revision": statement.excluded.revision, "position": statement.excluded.position},
        where=HEADS.c.revision < statement.excluded.revision,
    )


_ACCESS, _OBJECT, _AUTHOR = (Prepared(_inserted_unless_erased(table)) for table in (LEDGER, OBJECTS, AUTHORS))
_SAID, _DELETED, _SEALED = (Prepared(_inserted(table)) for table in (MESSAGES, DELETED, SEALED))
_REPEATS, _ENDED, _HEAD = Prepared(_marked_repeats()), Prepared(_ended()), Prepared(_moved_head())
_REMEMBERED = Prepared(_remembered())
_REMOVED = tuple(Prepared(_removed(table)) for table in (OBJECTS, AUTHORS, LEDGER))


def ledger() -> Projection:
    """The view of accesses."""
    return Projection("ledger_v1", "audit", (TOPIC, CHAT_TOPIC, GROUPS_TOPIC), METADATA, reduce)


def reduce(event: Event) -> Statements:
    """The statements that bring the tables from before `event` to after it; () for events of no interest."""
    match event.message:
        case AccessesRecorded() as recorded if recorded.accesses:
            return (*_recorded(recorded, event), _head(event))
        case LiveAccessClosed() as closed:
            ended = _ENDED(
                access_id=closed.access_id,
                group_id=key_of(event.stream),
                ended_at_us=closed.at.ToMicroseconds(),
                last_position=closed.last_position,
                position=event.position,
            )
            return (ended, _head(event))
        case AccessesErased() as erased:
            return _without(erased)
        case GroupDeleted() as deleted:
            return (_DELETED(group_id=deleted.group_id, deleted_by=deleted.deleted_by),)
        case BreakGlassRequested() as asked if asked.HasField("disclose_at"):
            row = {"break_glass_id": asked.break_glass_id, "group_id": asked.group_id}
            return (_SEALED(**row, disclose_at_us=asked.disclose_at.ToMicroseconds(), disclosed_at_us=None),)
        case BreakGlassDisclosed() as disclosed:
            told = sa.update(SEALED).where(SEALED.c.break_glass_id == disclosed.break_glass_id)
            return (told.values(disclosed_at_us=microseconds(event.recorded_at)),)
        case MessageSent() as sent:
            return (_message(sent, event),)
        case _:
            return ()


def _recorded(recorded: AccessesRecorded, event: Event) -> Statements:
    group_id, revision = key_of(event.stream), event.revision
    count = len(recorded.accesses)
    rows = [_ACCESS(**_row(group_id, access, index, count, event)) for index, access in enumerate(recorded.accesses)]
    places = [{"group_id": group_id, "revision": revision, "index": index} for index in range(count)]
    objects = [
        _OBJECT(object_id=object_id, **place, first=objects.first, last=objects.last, at_us=_at_us(access))
        for access, place in zip(recorded.accesses, places, strict=True)
        for objects in access.objects
        for object_id in objects.ids
    ]
    authors = [
        _AUTHOR(author_id=author_id, **place, at_us=_at_us(access))
        for access, place in zip(recorded.accesses, places, strict=True)
        for author_id in sorted(set(access.author_ids))
    ]
    return (*rows, _REPEATS(group_id=group_id, revision=revision), *objects, *authors)


def _row(group_id: str, access: Access, index: int, of: int, event: Event) -> dict[str, object]:
    at_us = _at_us(access)
    return {
        "group_id": group_id,
        "revision": event.revision,
        "index": index,
        "of": of,
        "place": event.position * PLACES_PER_EVENT + index,
        "access_id": access.access_id,
        "repeats": False,
        "reader_id": access.reader_id,
        "reader_kind": int(access.reader_kind),
        "action": int(access.action),
        "purpose": int(access.purpose),
        "purpose_reference": access.purpose_reference,
        "at_us": at_us,
        "hour": at_us // HOUR_US,
        "record": access.SerializeToString(deterministic=True),
        "position": event.position,
        "ended_at_us": None,
        "last_position": None,
    }


def _at_us(access: Access) -> int:
    return access.at.ToMicroseconds()


def _without(erased: AccessesErased) -> Statements:
    group_id, revision = erased.group_id, erased.up_to_revision
    before_us = erased.before.ToMicroseconds() if erased.HasField("before") else _AFTER_ALL_US
    return (
        _REMEMBERED(group_id=group_id, up_to_revision=revision, before_us=before_us),
        *(removed(group_id=group_id) for removed in _REMOVED),
        # The event store forgets those events too, and with them how far the stream had come.
        _HEAD(group_id=group_id, revision=revision, position=erased.up_to_position),
    )


def _message(sent: MessageSent, event: Event) -> Statement:
    # A message that was appended twice keeps its first place, as in its room.
    return _SAID(
        message_id=sent.message_id,
        room_id=sent.room_id,
        group_id=sent.group_id,
        author_id=sent.author_id,
        sequence=event.revision + 1,
        position=event.position,
    )


def _head(event: Event) -> Statement:
    return _HEAD(group_id=key_of(event.stream), revision=event.revision, position=event.position)
