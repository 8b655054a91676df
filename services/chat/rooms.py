"""Rooms as commands need them: which group a room belongs to, and whether it is open.

A room's group never changes, so its stream is folded once and kept; the projection's feed tells when it closes.
"""

from collections import OrderedDict

from regard.chat.v1.events_pb2 import RoomClosed, RoomOpened
from regard.common.v1.common_pb2 import Sealed

from services.access import Action, Guard, Place, Sight
from services.chat.refusals import NO_SUCH_ROOM, ROOM_CLOSED
from services.chat.room import DECIDER, Command, Room
from services.common import rpc
from services.common.codec import Codec, Event
from services.common.decider import CommandContext, execute
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import stream_name
from services.common.live import Behind, Live

_KEPT = 10_000
ROOM_NAME = RoomOpened.DESCRIPTOR.full_name
TOPIC = "regard.chat.events"


def room_stream(room_id: str) -> str:
    """The stream of a room's settings."""
    return stream_name("room", room_id)


def name_place(room_id: str) -> Place:
    """What a room's name is sealed for."""
    return Place(ROOM_NAME, room_stream(room_id), "name")


class Rooms:
    """The rooms of this process's calls."""

    def __init__(self, store: EventStore, codec: Codec, guard: Guard) -> None:
        self._store = store
        self._codec = codec
        self._guard = guard
        self._kept: OrderedDict[str, Room] = OrderedDict()

    async def get(self, room_id: str) -> Room:
        """The room. Raises Refused (CHT-01) if there is none."""
        room = self._kept.get(room_id)
        if room is None:
            history = await self._store.load(room_stream(room_id))
            room = DECIDER.fold(event.message for event in self._codec.decode_all(history.events))
            if not room.exists:
                raise NO_SUCH_ROOM()
            self._keep(room)
        self._kept.move_to_end(room_id)
        return room

    async def sight(self, room_id: str, action: Action) -> tuple[Room, Sight]:
        """The room, and the caller's sight of its group. A room out of sight is as unknown as one that never was."""
        room = await self.get(room_id)
        try:
            sight = await self._guard.sight(rpc.caller(), room.group_id, action)
        except Refused as refused:
            if refused.refusal.kind is Kind.NOT_FOUND:
                raise NO_SUCH_ROOM() from None
            raise
        if action is Action.WRITE and room.closed:
            raise ROOM_CLOSED()
        return room, sight

    async def execute(self, room_id: str, command: Command, context: CommandContext | None = None) -> bool:
        """Carries out a command; whether it changed anything."""
        stream = room_stream(room_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, context or rpc.command_context())
        self._keep(outcome.state)
        rpc.answer_token(TOPIC, stream, outcome.position)
        return bool(outcome.events)

    async def sealed_name(self, group_id: str, room_id: str, name: str) -> Sealed:
        """A room's name, sealed with its group's label key."""
        return await self._guard.seal_label(group_id, name, name_place(room_id))

    async def follow(self, committed: Live[Event]) -> None:
        """Learns which rooms were closed by other processes, for ever."""
        while True:
            try:
                async with committed.subscribe() as events:
                    async for batch in events:
                        for event in batch:
                            if isinstance(event.message, RoomClosed):
                                self._kept.pop(event.message.room_id, None)
            except Behind:
                self._kept.clear()

    def _keep(self, room: Room) -> None:
        self._kept[room.id] = room
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
