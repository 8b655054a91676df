"""What queries read: rooms, messages with their reactions, marks, and who belongs to which group.

A message's `sequence` is its place in `talk-<room>` counted from 1; `position` is that of its last change, by which
subscriptions resume. Bodies stay sealed; `body_type` names the event that they were sealed for. Times are
microseconds since 1970, UTC.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from regard.chat.v1 import events_pb2 as chat
from regard.groups.v1 import events_pb2 as groups
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler understands its ON CONFLICT too

from services.access import GroupTables, insert_if
from services.common.codec import Event
from services.common.ids import key_of
from services.common.moments import microseconds
from services.common.projection import Prepared, Statement, parameter

METADATA = sa.MetaData()

ROOMS = sa.Table(
    "chat_rooms_v1",
    METADATA,
    sa.Column("room_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False, index=True),
    sa.Column("name", sa.LargeBinary, nullable=False),  # Sealed, serialised; empty for a direct conversation
    sa.Column("direct", sa.Boolean, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("opened_at_us", sa.BigInteger, nullable=False),
)
MESSAGES = sa.Table(
    "chat_messages_v1",
    METADATA,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("room_id", sa.String(36), nullable=False),
    sa.Column("group_id", sa.String(36), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("author_id", sa.String(36), nullable=False),
    sa.Column("body", sa.LargeBinary),  # Sealed, serialised; null once withdrawn or erased
    sa.Column("body_type", sa.String(200), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("reply_to_id", sa.String(36), nullable=False),
    sa.Column("mentioned_ids", sa.JSON, nullable=False),
    sa.Column("sent_at_us", sa.BigInteger, nullable=False),
    sa.Column("edited_at_us", sa.BigInteger),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("chat_messages_v1_by_place", "room_id", "sequence"),
    sa.Index("chat_messages_v1_by_change", "room_id", "position"),
    sa.Index("chat_messages_v1_by_author", "group_id", "author_id"),
)
REACTIONS = sa.Table(
    "chat_reactions_v1",
    METADATA,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("emoji", sa.String(64), primary_key=True),
)
ATTACHMENTS = sa.Table(
    "chat_attachments_v1",
    METADATA,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),  # among the message's, from 0
    sa.Column("file_id", sa.String(36), nullable=False),
)
MARKS = sa.Table(
    "chat_marks_v1",
    METADATA,
    sa.Column("room_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
GROUPS = GroupTables("chat", METADATA)

Statements = Sequence[Statement]


def reduce(event: Event) -> Statements:
    """The statements that bring the tables from before `event` to after it; () for events of no interest."""
    match event.message:
        case chat.RoomOpened() as opened:
            return (_room(opened, event),)
        case chat.RoomClosed() as closed:
            return (sa.update(ROOMS).where(ROOMS.c.room_id == closed.room_id).values(closed=True),)
        case chat.MessageSent() as sent:
            return (_message(sent, event), *_attached(sent))
        case chat.MessageEdited() as edited:
            return (
                _change(edited.message_id, event, MESSAGES.c.withdrawn.is_(False)).values(
                    body=sa.case((MESSAGES.c.erased, sa.null()), else_=edited.body.SerializeToString()),
                    body_type=event.type,
                    mentioned_ids=list(edited.mentioned_ids),
                    edited_at_us=microseconds(event.recorded_at),
                ),
            )
        case chat.MessageWithdrawn() as withdrawn:
            gone = _change(withdrawn.message_id, event).values(body=None, mentioned_ids=[], withdrawn=True)
            of_it = sa.select(MESSAGES.c.message_id).where(
                MESSAGES.c.message_id == withdrawn.message_id, MESSAGES.c.room_id == key_of(event.stream)
            )
            return (gone, sa.delete(ATTACHMENTS).where(ATTACHMENTS.c.message_id.in_(of_it)))
        case chat.ReactionAdded() as added:
            return (_reaction(added), _change(added.message_id, event))
        case chat.ReactionRemoved() as removed:
            return (
                sa.delete(REACTIONS).where(
                    REACTIONS.c.message_id == removed.message_id,
                    REACTIONS.c.person_id == removed.person_id,
                    REACTIONS.c.emoji == removed.emoji,
                ),
                _change(removed.message_id, event),
            )
        case chat.ReadUpTo() as mark:
            return (_mark(mark),)
        case groups.GroupDeleted() as deleted:
            return (*GROUPS.reduce(deleted), *_forget(deleted.group_id))
        case groups.KeysDestroyed() as destroyed if destroyed.author_id:
            of_author = sa.and_(MESSAGES.c.group_id == destroyed.group_id, MESSAGES.c.author_id == destroyed.author_id)
            erased = sa.update(MESSAGES).where(of_author).values(body=None, erased=True)
            theirs = ATTACHMENTS.c.message_id.in_(sa.select(MESSAGES.c.message_id).where(of_author))
            return (*GROUPS.reduce(destroyed), erased, sa.delete(ATTACHMENTS).where(theirs))
        case other:
            return GROUPS.reduce(other)


def _room(opened: chat.RoomOpened, event: Event) -> sa.Executable:
    row = {
        "room_id": opened.room_id,
        "group_id": opened.group_id,
        "name": opened.name.SerializeToString(),
        "direct": opened.direct,
        "closed": False,
        "opened_at_us": microseconds(event.recorded_at),
    }
    return insert_if(~GROUPS.gone(opened.group_id), ROOMS, row)


def _inserted_message() -> sa.UpdateBase:
    """For values of every column but `erased`."""
    of = {column.name: parameter(column) for column in MESSAGES.columns}
    erased = GROUPS.gone(of["group_id"], of["author_id"])
    row = of | {"body": sa.case((erased, sa.null()), else_=of["body"]), "erased": erased}
    return insert_if(~GROUPS.gone(of["group_id"]), MESSAGES, row)


_MESSAGE = Prepared(_inserted_message())


def _message(sent: chat.MessageSent, event: Event) -> Statement:
    # A message that was appended twice, because its first answer was lost, keeps its first place.
    written_at = sent.written_at.ToMicroseconds() if sent.HasField("written_at") else microseconds(event.recorded_at)
    return _MESSAGE(
        message_id=sent.message_id,
        room_id=sent.room_id,
        group_id=sent.group_id,
        sequence=event.revision + 1,
        author_id=sent.author_id,
        body=sent.body.SerializeToString(),
        body_type=event.type,
        level=sent.level,
        reply_to_id=sent.reply_to_id,
        mentioned_ids=list(sent.mentioned_ids),
        sent_at_us=written_at,
        edited_at_us=None,
        withdrawn=False,
        position=event.position,
    )


def _attached(sent: chat.MessageSent) -> Statements:
    # Only to a message that can be read: with what is gone, erased or withdrawn, nothing stands.
    there = sa.exists().where(
        MESSAGES.c.message_id == sent.message_id,
        MESSAGES.c.room_id == sent.room_id,
        MESSAGES.c.erased.is_(False),
        MESSAGES.c.withdrawn.is_(False),
    )
    rows = [{"message_id": sent.message_id, "place": place, "file_id": id} for place, id in enumerate(sent.file_ids)]
    return [insert_if(there, ATTACHMENTS, row) for row in rows]


def _reaction(added: chat.ReactionAdded) -> sa.Executable:
    # Only to a message that is there: those of a group that is gone are not.
    there = sa.exists().where(MESSAGES.c.message_id == added.message_id, MESSAGES.c.room_id == added.room_id)
    row = {"message_id": added.message_id, "person_id": added.person_id, "emoji": added.emoji}
    return insert_if(there, REACTIONS, row)


def _change(message_id: str, event: Event, *conditions: sa.ColumnElement[bool]) -> sa.Update:
    room_id = key_of(event.stream)
    return (
        sa.update(MESSAGES)
        .where(MESSAGES.c.message_id == message_id, MESSAGES.c.room_id == room_id, *conditions)
        .values(position=event.position)
    )


def _mark(mark: chat.ReadUpTo) -> sa.Executable:
    statement = insert(MARKS).values(room_id=mark.room_id, person_id=mark.person_id, sequence=mark.sequence)
    return statement.on_conflict_do_update(
        index_elements=["room_id", "person_id"], set_={"sequence": statement.excluded.sequence}
    )


def _forget(group_id: str) -> Statements:
    # Marks stay: they say of which room, not of which group, and may come before the group's end or after it.
    in_group = sa.select(MESSAGES.c.message_id).where(MESSAGES.c.group_id == group_id)
    return (
        sa.delete(REACTIONS).where(REACTIONS.c.message_id.in_(in_group)),
        sa.delete(ATTACHMENTS).where(ATTACHMENTS.c.message_id.in_(in_group)),
        sa.delete(MESSAGES).where(MESSAGES.c.group_id == group_id),
        sa.delete(ROOMS).where(ROOMS.c.group_id == group_id),
    )
