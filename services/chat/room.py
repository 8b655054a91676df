"""A room: where a group talks.

Stream: room-<id>. A room belongs to one group for ever; what is said in it lies in talk-<id>.
"""

from dataclasses import dataclass, replace

from google.protobuf.message import Message
from regard.chat.v1.events_pb2 import RoomClosed, RoomOpened
from regard.common.v1.common_pb2 import Sealed

from services.chat.refusals import NO_SUCH_ROOM
from services.common.decider import Decider


@dataclass(frozen=True, slots=True)
class Room:
    """What sending and closing need to know."""

    id: str = ""
    group_id: str = ""
    direct: bool = False
    closed: bool = False

    @property
    def exists(self) -> bool:
        """Whether it was ever opened."""
        return bool(self.id)


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Open a room; opening the same one again changes nothing."""

    room_id: str
    group_id: str
    name: Sealed | None
    by: str
    direct: bool = False


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """Close a room to writing."""

    by: str


Command = OpenRoom | CloseRoom


def decide(command: Command, room: Room) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    match command:
        case OpenRoom() if room.exists:
            return ()
        case OpenRoom():
            return (
                RoomOpened(
                    room_id=command.room_id,
                    group_id=command.group_id,
                    name=command.name,
                    opened_by=command.by,
                    direct=command.direct,
                ),
            )
        case CloseRoom() if not room.exists:
            raise NO_SUCH_ROOM()
        case CloseRoom() if room.closed:
            return ()
        case CloseRoom():
            return (RoomClosed(room_id=room.id, closed_by=command.by),)


def evolve(room: Room, event: Message) -> Room:
    """The room after `event`."""
    match event:
        case RoomOpened():
            return Room(id=event.room_id, group_id=event.group_id, direct=event.direct)
        case RoomClosed():
            return replace(room, closed=True)
        case _:
            return room


DECIDER: Decider[Command, Room] = Decider("room", Room(), decide, evolve)
