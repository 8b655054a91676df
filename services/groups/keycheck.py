"""Whether all content still opens with the keys that are here, and with none that were destroyed."""

from regard.groups.v1.events_pb2 import KeysDestroyed
from regard.identity.v1.events_pb2 import PersonErased

from services.common import contracts
from services.common.check import Check, Checked
from services.common.codec import Codec
from services.common.eventstore import EventStore
from services.common.ids import key_of
from services.common.keycheck import OPEN, check_keys, with_back
from services.groups.group import CATEGORY
from services.groups.keys import ContentKeys


def content_against_keys(store: EventStore, codec: Codec, keys: ContentKeys) -> Check:
    """Everything that members wrote, and the names of groups and rooms; profiles are identity's."""
    prefixes = tuple(
        prefix for file in contracts.event_files() if file.service != "identity" for prefix in file.prefixes
    )

    async def run() -> Checked:
        checked = await check_keys(store, codec, prefixes, keys.held)
        groups, people = await _destroyed(store)
        return with_back(checked, await keys.of_groups(groups) + await keys.of_authors(people))

    return Check("content against keys", OPEN, run)


async def _destroyed(store: EventStore) -> tuple[set[str], set[str]]:
    """Groups whose keys were destroyed, and people who were erased, says the event store."""
    groups, people = set[str](), set[str]()
    async for recorded in store.read_all(prefixes=(f"{CATEGORY}-", "user-")):
        if recorded.type == KeysDestroyed.DESCRIPTOR.full_name:
            if not KeysDestroyed.FromString(recorded.data).author_id:
                groups.add(key_of(recorded.stream))
        elif recorded.type == PersonErased.DESCRIPTOR.full_name:
            people.add(key_of(recorded.stream))
    return groups, people
