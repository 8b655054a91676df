"""Who has an active account: asked before somebody is let into a group."""

from collections.abc import Collection

from google.protobuf.message import Message
from regard.identity.v1.events_pb2 import PersonDeactivated, PersonProvisioned, PersonReactivated

from services.common.codec import Codec
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.ids import stream_name
from services.groups import queries


class People:
    """Knows from the view who is active; of those whom the view does not know so, their own stream decides."""

    def __init__(self, database: Database, store: EventStore, codec: Codec) -> None:
        self._database = database
        self._store = store
        self._codec = codec

    async def active(self, person_ids: Collection[str]) -> set[str]:
        """Those of them who are active. Raises StoreUnavailable."""
        async with self._database.read() as connection:
            found = await queries.active_people(connection, person_ids)
        return found | {person for person in set(person_ids) - found if await self.is_active(person)}

    async def is_active(self, person_id: str) -> bool:
        """Whether the person is active at this instant. Raises StoreUnavailable."""
        history = await self._store.load(stream_name("user", person_id))
        active = False
        for event in self._codec.decode_all(history.events):
            active = _active_after(event.message, active)
        return active


def _active_after(event: Message, active: bool) -> bool:
    match event:
        case PersonProvisioned() | PersonReactivated():
            return True
        case PersonDeactivated():
            return False
        case _:
            return active
