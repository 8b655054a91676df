"""SQL reads of chat's tables, for `Database.look`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Level

from services.chat.views import MARKS, MESSAGES, REACTIONS, ROOMS
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
    found = _messages(tx, MESSAGES.c.message_id == message_id, MESSAGES.c.room_id == room_id)
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
    conditions = [MESSAGES.c.room_id == room_id, MESSAGES.c.level.in_(levels)]
    if since is not None:
        conditions.append(MESSAGES.c.sent_at_us >= microseconds(since))
    if before_sequence is not None:
        conditions.append(MESSAGES.c.sequence < before_sequence)
    if before is not None:
        conditions.append(MESSAGES.c.sent_at_us < microseconds(before))
    return _messages(tx, *conditions, order=MESSAGES.c.sequence.desc(), limit=limit)


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
    return _messages(tx, sa.or_(*changed), order=MESSAGES.c.position, limit=limit)


def messages_by_id(tx: sa.Connection, message_ids: Collection[str]) -> dict[str, MessageRow]:
    """These messages, by id."""
    return {row.message_id: row for row in _messages(tx, MESSAGES.c.message_id.in_(message_ids))}


def present(tx: sa.Connection, message_ids: Collection[str]) -> set[str]:
    """Which of these messages exist."""
    return set(tx.scalars(sa.select(MESSAGES.c.message_id).where(MESSAGES.c.message_id.in_(message_ids))))


def _messages(
    tx: sa.Connection,
    *conditions: sa.ColumnElement[bool],
    order: sa.ColumnElement[int] | None = None,
    limit: int | None = None,
) -> list[MessageRow]:
    found = tx.execute(sa.select(MESSAGES).where(*conditions).order_by(order).limit(limit))
    rows = [dict(row) for row in found.mappings()]
    reactions: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    if rows:
        given = tx.execute(
            sa.select(REACTIONS)
            .where(REACTIONS.c.message_id.in_([row["message_id"] for row in rows]))
            .order_by(REACTIONS.c.emoji, REACTIONS.c.person_id)
        )
        for message_id, person_id, emoji in given:
            reactions[message_id][emoji].append(person_id)
    return [MessageRow(**row, reactions=reactions.get(row["message_id"], {})) for row in rows]
