"""Puts chat together, the same for production and tests."""

from regard.chat.v1.chat_pb2_grpc import add_ChatServiceServicer_to_server

from services.access import Guard
from services.chat.api import ChatApi
from services.chat.changes import Changes
from services.chat.messages import Messages
from services.chat.rooms import TOPIC, Rooms
from services.chat.views import METADATA, reduce
from services.common.kernel import Kernel, Service
from services.common.projection import Projection
from services.common.settings import Settings


def build(settings: Settings, kernel: Kernel) -> Service:
    """The service, not yet running."""
    guard, database = Guard.of(kernel), kernel.database("chat")
    projection = Projection("chat_v1", "chat", (TOPIC, "regard.groups.events"), METADATA, reduce)
    rooms = Rooms(kernel.store, kernel.codec, guard)
    messages = Messages(kernel.store, kernel.codec, guard, rooms, database, kernel.clock)
    changes = Changes(database, projection)
    api = ChatApi(guard, rooms, messages, database, changes, projection.name, kernel.peers)

    async def follow_rooms() -> None:
        await rooms.follow(projection.committed)

    return Service(
        name="chat",
        servicers=((add_ChatServiceServicer_to_server, api),),
        projections=(projection,),
        tasks=(changes.run, follow_rooms, guard.run),
        revoked=guard.revoked,
    )
