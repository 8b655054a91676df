"""What was just committed, with the rows that subscribers need: read once, handed to all of them."""

from dataclasses import dataclass

from regard.chat.v1 import events_pb2 as chat
from regard.groups.v1 import events_pb2 as groups

from services.chat import queries
from services.common.codec import Event
from services.common.database import Database
from services.common.errors import Refused
from services.common.live import Behind, Live
from services.common.projection import Projection


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was sent, edited, withdrawn or reacted to; `row` is its state now, `position` that of the change."""

    position: int
    row: queries.MessageRow


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """A room was opened or closed, at that position."""

    position: int
    row: queries.RoomRow


@dataclass(frozen=True, slots=True)
class Joined:
    """Someone belongs to a group from that position on."""

    position: int
    person_id: str
    group_id: str


Change = MessageChanged | RoomChanged | Joined


class Changes:
    """Turns the projection's events into changes; `run` must be running."""

    def __init__(self, database: Database, projection: Projection) -> None:
        self._database = database
        self._projection = projection
        self.published: Live[Change] = Live()

    async def run(self) -> None:
        """Publishes changes, for ever."""
        while True:
            try:
                async with self._projection.committed.subscribe() as committed:
                    async for batch in committed:
                        self.published.publish(await self._changes(batch))
            except (Behind, Refused):
                # What was missed, or could not be read just now, is in the tables: subscribers are told to resume.
                self.published.interrupt()

    async def _changes(self, batch: tuple[Event, ...]) -> tuple[Change, ...]:
        messages = {event.message.message_id for event in batch if isinstance(event.message, _OF_MESSAGES)}
        rooms = {event.message.room_id for event in batch if isinstance(event.message, _OF_ROOMS)}
        message_rows: dict[str, queries.MessageRow] = {}
        room_rows: dict[str, queries.RoomRow] = {}
        if messages or rooms:
            async with self._database.read() as tx:
                message_rows = await queries.messages_by_id(tx, messages) if messages else {}
                room_rows = await queries.rooms_by_id(tx, rooms) if rooms else {}
        changes: list[Change] = []
        for event in batch:
            match event.message:
                case groups.MemberAdded() as added:
                    changes.append(Joined(event.position, added.person_id, added.group_id))
                case chat.RoomOpened() | chat.RoomClosed() as room if room.room_id in room_rows:
                    changes.append(RoomChanged(event.position, room_rows[room.room_id]))
                case message if isinstance(message, _OF_MESSAGES) and message.message_id in message_rows:
                    row = message_rows[message.message_id]
                    # A message that was appended twice keeps its first place, and is told once.
                    if not isinstance(message, chat.MessageSent) or row.sequence == event.revision + 1:
                        changes.append(MessageChanged(event.position, row))
                case _:
                    pass
        return tuple(changes)


_OF_MESSAGES = (
    chat.MessageSent,
    chat.MessageEdited,
    chat.MessageWithdrawn,
    chat.ReactionAdded,
    chat.ReactionRemoved,
)
_OF_ROOMS = (chat.RoomOpened, chat.RoomClosed)
