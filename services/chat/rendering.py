"""From rows to what a caller is shown."""

from collections.abc import Mapping, Sequence

from regard.chat.v1 import chat_pb2 as api
from regard.common.v1.common_pb2 import Sealed

from services.access import Erased, Guard, Object, Place, Sight
from services.chat.queries import MessageRow, RoomRow, marks_of
from services.chat.rooms import name_place
from services.common.database import Database
from services.common.ids import stream_name
from services.common.moments import moment, timestamp


def talk(room_id: str) -> str:
    """The stream of what is said in a room."""
    return stream_name("talk", room_id)


def place_of(row: MessageRow) -> Place:
    """What a message's body was sealed for."""
    return Place(row.body_type, talk(row.room_id), "body")


def sealed_body(row: MessageRow) -> Sealed | None:
    """A message's body as it is stored; None once withdrawn or erased."""
    return Sealed.FromString(row.body) if row.body else None


def object_of(row: MessageRow) -> Object:
    """A message, as the ledger names it."""
    return Object(
        type="message",
        id=row.message_id,
        level=row.level,
        author_id=row.author_id,
        parent_id=row.room_id,
        sequence=row.sequence,
        written_at=moment(row.sent_at_us),
    )


def is_for(sight: Sight, row: MessageRow) -> bool:
    """Whether a message is for the reader who has this sight of its group."""
    return sight.reads(row.level, moment(row.sent_at_us), row.message_id, row.room_id)


def message(row: MessageRow, body: str | Erased | None, reader_id: str) -> api.Message:
    """A message as its reader sees it."""
    return told(shown(row), row, body, reader_id)


def shown(row: MessageRow) -> api.Message:
    """What every reader of a message sees of it: all but its body and who reacted."""
    return api.Message(
        id=row.message_id,
        room_id=row.room_id,
        group_id=row.group_id,
        sequence=row.sequence,
        author_id=row.author_id,
        sent_at=timestamp(row.sent_at_us),
        edited_at=timestamp(row.edited_at_us),
        withdrawn=row.withdrawn,
        erased=row.erased,
        level=row.level,
        reply_to_id=row.reply_to_id,
        mentioned_ids=row.mentioned_ids,
        file_ids=row.file_ids,
    )


def told(shown: api.Message, row: MessageRow, body: str | Erased | None, reader_id: str) -> api.Message:
    """The same for one reader."""
    message = api.Message()
    message.CopyFrom(shown)
    match body:
        case str():
            message.body = body
        case Erased():
            message.erased = True
    message.reactions.extend(reactions(row.reactions, reader_id))
    return message


def reactions(given: Mapping[str, Sequence[str]], reader_id: str) -> list[api.ReactionCount]:
    """Counts by emoji, with the reader's own marked."""
    return [
        api.ReactionCount(emoji=emoji, count=len(people), mine=reader_id in people) for emoji, people in given.items()
    ]


async def rooms(guard: Guard, database: Database, rows: Sequence[RoomRow], reader_id: str) -> list[api.Room]:
    """Rooms as their reader sees them, with their names, and how far the reader has read."""
    marks = await database.look(lambda tx: marks_of(tx, reader_id, [row.room_id for row in rows]))
    names = await guard.open_labels([(Sealed.FromString(row.name), name_place(row.room_id)) for row in rows])
    return [_room(row, name, marks.get(row.room_id, 0)) for row, name in zip(rows, names, strict=True)]


def _room(row: RoomRow, name: str | Erased, read_sequence: int) -> api.Room:
    return api.Room(
        id=row.room_id,
        group_id=row.group_id,
        name=name if isinstance(name, str) else "",
        direct=row.direct,
        closed=row.closed,
        last_sequence=row.last_sequence,
        read_sequence=read_sequence,
        last_at=timestamp(row.last_at_us),
    )
