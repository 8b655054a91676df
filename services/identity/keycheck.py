"""Whether all that is kept of people still opens with the keys that are here, and with none that were destroyed."""

from __future__ import annotations

from regard.identity.v1.events_pb2 import PersonErased

from services.common import contracts
from services.common.check import Check, Checked
from services.common.codec import Codec
from services.common.eventstore import EventStore
from services.common.keycheck import OPEN, check_keys, with_back
from services.identity.keys import PersonKeys
from services.identity.person import CATEGORY


def profiles_against_keys(store: EventStore, codec: Codec, keys: PersonKeys) -> Check:
    """Profiles, passwords, passkeys, what the company's directory says; what people write is groups'."""

    async def run() -> Checked:
        prefixes = contracts.event_file_of("identity").prefixes
        checked = await check_keys(store, codec, prefixes, keys.held)
        return with_back(checked, await keys.find(await _erased(store)))

    return Check("profiles against keys", OPEN, run)


async def _erased(store: EventStore) -> set[str]:
    """Who was erased, says the event store."""
    name = PersonErased.DESCRIPTOR.full_name
    return {
        PersonErased.FromString(recorded.data).person_id
        async for recorded in store.read_all(prefixes=(f"{CATEGORY}-",))
        if recorded.type == name
    }
