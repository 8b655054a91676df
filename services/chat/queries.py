"""SQL reads of chat's tables, for `Database.look`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Level

from services.chat.views import ATTACHMENTS, MARKS, MESSAGES, REACTIONS, ROOMS
from services.common.moments import microseconds


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room; `name` is a serialised Sealed, empty for a direct conversation."""

    room_id: str
    group_id: str
    name: bytes
    direct: bool
    closed: bool
    opened_at_us: int
    last_sequence: int
    last_at_us: int | None

    @property
    def key(self) -> tuple[int, str]:
        """Its place among rooms: when something was last said in it, or it was opened."""
        return self.last_at_us or self.opened_at_us, self.room_id


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message; `body` is a serialised Sealed, None once withdrawn or erased."""

    message_id: str
    room_id: str
    group_id: str
    sequence: int
    author_id: str
    body: bytes | None
    body_type: str
    level: Level
    reply_to_id: str
    mentioned_ids: Sequence[str]
    sent_at_us: int
    edited_at_us: int | None
    withdrawn: bool
    erased: bool
    position: int
    reactions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Who reacted, by emoji."""
    file_ids: Sequence[str] = ()
    """Files that stand with it, in order."""


_BESIDE = ("reactions", "file_ids")
_UNBOUNDED = 2**63 - 1

# Built once: to build a statement takes longer than to carry it out.
_MESSAGES = sa.select(*(MESSAGES.c[one.name] for one in fields(MessageRow) if one.name not in _BESIDE))
_THESE = _MESSAGES.where(MESSAGES.c.message_id.in_(sa.bindparam("ids", expanding=True)))
_BEFORE = (
    _MESSAGES.where(
        MESSAGES.c.room_id == sa.bindparam("in_room"),
        MESSAGES.c.level.in_(sa.bindparam("at_levels", expanding=True)),
        MESSAGES.c.sequence < sa.bindparam("below"),
        MESSAGES.c.sent_at_us >= sa.bindparam("since_us"),
        MESSAGES.c.sent_at_us < sa.bindparam("before_us"),
    )
    .order_by(MESSAGES.c.sequence.desc())
    .limit(sa.bindparam("most"))
)
_REACTIONS = (
    sa.select(REACTIONS)
    .where(REACTIONS.c.message_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(REACTIONS.c.emoji, REACTIONS.c.person_id)
)
_ATTACHMENTS = (
    sa.select(ATTACHMENTS.c.message_id, ATTACHMENTS.c.file_id)
    .where(ATTACHMENTS.c.message_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(ATTACHMENTS.c.place)
)


def _rooms() -> sa.Select[tuple[object, ...]]:
    last_sequence = (
        sa.select(sa.func.max(MESSAGES.c.sequence)).where(MESSAGES.c.room_id == ROOMS.c.room_id).scalar_subquery()
    )
    last_at = (
        sa.select(MESSAGES.c.sent_at_us)
        .where(MESSAGES.c.room_id == ROOMS.c.room_id)
        .order_by(MESSAGES.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(ROOMS, sa.func.coalesce(last_sequence, 0).label("last_sequence"), last_at.label("last_at_us"))


def room(tx: sa.Connection, room_id: str) -> RoomRow | None:
    """One room, or None."""
    found = (tx.execute(_rooms().where(ROOMS.c.room_id == room_id))).mappings().first()
    return RoomRow(**found) if found else None


def rooms_by_id(tx: sa.Connection, room_ids: Collection[str]) -> dict[str, RoomRow]:
    """These rooms, by id."""
    found = tx.execute(_rooms().where(ROOMS.c.room_id.in_(room_ids)))
    return {row["room_id"]: RoomRow(**row) for row in found.mappings()}


def rooms_of(tx: sa.Connection, group_ids: Collection[str]) -> list[RoomRow]:
    """Rooms of these groups, latest conversation first."""
    found = tx.execute(_rooms().where(ROOMS.c.group_id.in_(group_ids)))
    return sorted((RoomRow(**row) for row in found.mappings()), key=lambda row: row.key, reverse=True)


def marks_of(tx: sa.Connection, person_id: str, room_ids: Collection[str]) -> dict[str, int]:
    """How far a person has read, by room."""
    found = tx.execute(
        sa.select(MARKS.c.room_id, MARKS.c.sequence).where(
            MARKS.c.person_id == person_id, MARKS.c.room_id.in_(room_ids)
        )
    )
    return {row.room_id: row.sequence for row in found}


def message(tx: sa.Connection, room_id: str, message_id: str) -> MessageRow | None:
    """One message of a room, or None."""
    found = _messages(tx, _MESSAGES.where(MESSAGES.c.message_id == message_id, MESSAGES.c.room_id == room_id))
    return found[0] if found else None


def messages_before(
    tx: sa.Connection,
    room_id: str,
    *,
    levels: Collection[Level],
    since: datetime | None,
    before_sequence: int | None,
    before: datetime | None,
    limit: int,
) -> list[MessageRow]:
    """A room's messages at these levels, newest first."""
    bounds = {
        "in_room": room_id,
        "at_levels": list(levels),
        "below": _UNBOUNDED if before_sequence is None else before_sequence,
        "since_us": -_UNBOUNDED if since is None else microseconds(since),
        "before_us": _UNBOUNDED if before is None else microseconds(before),
        "most": limit,
    }
    return _messages(tx, _BEFORE, bounds)


def messages_by(
    tx: sa.Connection, author_id: str, group_ids: Collection[str], before: tuple[int, str] | None, limit: int
) -> list[MessageRow]:
    """What an author wrote in these groups, newest first; `before`: when the last one given was sent, and its id."""
    key = sa.tuple_(MESSAGES.c.sent_at_us, MESSAGES.c.message_id)
    theirs = _MESSAGES.where(MESSAGES.c.group_id.in_(group_ids), MESSAGES.c.author_id == author_id)
    if before:
        theirs = theirs.where(key < sa.tuple_(*map(sa.literal, before)))
    order = (MESSAGES.c.sent_at_us.desc(), MESSAGES.c.message_id.desc())
    return _messages(tx, theirs.order_by(*order).limit(limit))


def messages_changed(
    tx: sa.Connection, spans: Mapping[str, tuple[int, int]], beyond: int, limit: int
) -> list[MessageRow]:
    """Messages whose last change lies in the span of their room (after, up to), in the order of changes.

    `beyond`: only changes after this position, to go on where the page before ended.
    """
    rooms: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for room_id, (after, up_to) in spans.items():
        if up_to > max(after, beyond):
            rooms[max(after, beyond), up_to].append(room_id)
    if not rooms:
        return []
    changed = [
        sa.and_(MESSAGES.c.room_id.in_(room_ids), MESSAGES.c.position > after, MESSAGES.c.position <= up_to)
        for (after, up_to), room_ids in rooms.items()
    ]
    return _messages(tx, _MESSAGES.where(sa.or_(*changed)).order_by(MESSAGES.c.position).limit(limit))


def messages_by_id(tx: sa.Connection, message_ids: Collection[str]) -> dict[str, MessageRow]:
    """These messages, by id."""
    return {row.message_id: row for row in _messages(tx, _THESE, {"ids": list(message_ids)})}


def present(tx: sa.Connection, message_ids: Collection[str]) -> set[str]:
    """Which of these messages exist."""
    return set(tx.scalars(sa.select(MESSAGES.c.message_id).where(MESSAGES.c.message_id.in_(message_ids))))


def _messages(
    tx: sa.Connection, statement: sa.Select[Any], values: Mapping[str, object] = MappingProxyType({})
) -> list[MessageRow]:
    rows = tx.execute(statement, values).all()
    reactions: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    attached: dict[str, list[str]] = defaultdict(list)
    if rows:
        ids = {"ids": [row.message_id for row in rows]}
        for message_id, person_id, emoji in tx.execute(_REACTIONS, ids):
            reactions[message_id][emoji].append(person_id)
        for message_id, file_id in tx.execute(_ATTACHMENTS, ids):
            attached[message_id].append(file_id)
    return [MessageRow(*(*row, reactions.get(row.message_id, {}), attached.get(row.message_id, ()))) for row in rows]
