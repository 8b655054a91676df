"""What was just committed, with the rows that subscribers need: read once, handed to those whom it concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from regard.chat.v1 import events_pb2 as chat
from regard.chat.v1.chat_pb2 import Message
from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1 import events_pb2 as groups

from services.access import Place
from services.chat import queries
from services.chat.cursor import Cursor
from services.chat.rendering import place_of, sealed_body, shown, talk
from services.chat.rooms import room_stream
from services.common.codec import Event
from services.common.database import Database
from services.common.errors import Refused
from services.common.live import Behind, Listener
from services.common.projection import Projection

_WAITING = 1000
"""Most changes that wait for one listener."""


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was sent, edited, withdrawn or reacted to; `row` is its state now, `position` that of the change.

    The rest is made of the row once, for all who are told.
    """

    position: int
    row: queries.MessageRow
    stream: str
    sealed: Sealed | None
    place: Place
    shown: Message

    @classmethod
    def of(cls, position: int, row: queries.MessageRow) -> MessageChanged:
        """What changed at that position, from the row as it is now."""
        return cls(position, row, talk(row.room_id), sealed_body(row), place_of(row), shown(row))


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """A room was opened or closed, at that position."""

    position: int
    row: queries.RoomRow


@dataclass(frozen=True, slots=True)
class Joined:
    """Someone belongs to a group from that position on; `told`: what was published before, of all rooms."""

    position: int
    person_id: str
    group_id: str
    told: Cursor


@dataclass(frozen=True, slots=True)
class Ended:
    """A live access of this listener has ended."""

    group_id: str


Change = MessageChanged | RoomChanged | Joined | Ended


class Hearing(Listener[Change]):
    """One subscriber's: first everything, then what concerns them and their groups, also those that they join."""

    def __init__(self, person_id: str) -> None:
        super().__init__(_WAITING)
        self.person_id = person_id
        self.groups: set[str] = set()


class Changes:
    """Turns the projection's events into changes; `run` must be running."""

    def __init__(self, database: Database, projection: Projection) -> None:
        self._database = database
        self._projection = projection
        self.told = Cursor.start()
        """How far changes were published: who has heard all that was for them has come as far."""
        self._hearings: set[Hearing] = set()
        self._of_everything: set[Hearing] = set()
        self._by_group: defaultdict[str, set[Hearing]] = defaultdict(set)

    async def run(self) -> None:
        """Publishes changes, for ever."""
        while True:
            try:
                async with self._projection.committed.subscribe() as committed:
                    async for batch in committed:
                        self._publish(await self._changes(batch))
            except (Behind, Refused):
                # What was missed, or could not be read just now, is in the tables: subscribers are told to resume.
                self.interrupt()

    @contextmanager
    def heard_by(self, hearing: Hearing) -> Iterator[None]:
        """Tells the listener everything, from this moment until `narrow` or the block's end."""
        self._hearings.add(hearing)
        self._of_everything.add(hearing)
        try:
            yield
        finally:
            self._hearings.discard(hearing)
            self._of_everything.discard(hearing)
            for group_id in hearing.groups:
                self._by_group[group_id].discard(hearing)
                if not self._by_group[group_id]:
                    del self._by_group[group_id]

    def narrow(self, hearing: Hearing, group_ids: Iterable[str]) -> None:
        """From now on, only what concerns them and these groups, besides those that they joined meanwhile."""
        self._of_everything.discard(hearing)
        for group_id in group_ids:
            self._hear_of(hearing, group_id)

    def interrupt(self) -> None:
        """Tells every listener that something was missed before it came here."""
        for hearing in self._hearings:
            hearing.interrupt()

    def _publish(self, changes: Sequence[Change]) -> None:
        heard: defaultdict[Hearing, list[Change]] = defaultdict(list)
        for change in changes:
            for hearing in self._concerned(change):
                heard[hearing].append(change)
        for hearing, some in heard.items():
            hearing.offer(tuple(some))

    def _concerned(self, change: Change) -> Iterable[Hearing]:
        match change:
            case Joined(person_id=person_id, group_id=group_id):
                joining = [hearing for hearing in self._hearings if hearing.person_id == person_id]
                # At once, so that nothing that is said in the group after this falls between.
                for hearing in joining:
                    self._hear_of(hearing, group_id)
                return joining
            case MessageChanged(row=row) | RoomChanged(row=row):
                return self._by_group.get(row.group_id, set()) | self._of_everything
            case Ended():
                raise AssertionError("what ended is between a listener and the guard")

    def _hear_of(self, hearing: Hearing, group_id: str) -> None:
        hearing.groups.add(group_id)
        self._by_group[group_id].add(hearing)

    async def _changes(self, batch: tuple[Event, ...]) -> tuple[Change, ...]:
        messages = {event.message.message_id for event in batch if isinstance(event.message, _OF_MESSAGES)}
        rooms = {event.message.room_id for event in batch if isinstance(event.message, _OF_ROOMS)}
        message_rows: dict[str, queries.MessageRow] = {}
        room_rows: dict[str, queries.RoomRow] = {}
        if messages:
            message_rows = await self._database.look(lambda tx: queries.messages_by_id(tx, messages))
        if rooms:
            room_rows = await self._database.look(lambda tx: queries.rooms_by_id(tx, rooms))
        changes: list[Change] = []
        for event in batch:
            match event.message:
                case groups.MemberAdded() as added:
                    changes.append(Joined(event.position, added.person_id, added.group_id, self.told.copy()))
                case chat.RoomOpened() | chat.RoomClosed() as room if room.room_id in room_rows:
                    changes.append(RoomChanged(event.position, room_rows[room.room_id]))
                    self.told.move(room_stream(room.room_id), event.position)
                case message if isinstance(message, _OF_MESSAGES) and message.message_id in message_rows:
                    row = message_rows[message.message_id]
                    # A message that was appended twice keeps its first place, and is told once.
                    if not isinstance(message, chat.MessageSent) or row.sequence == event.revision + 1:
                        changes.append(change := MessageChanged.of(event.position, row))
                        self.told.move(change.stream, event.position)
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
