"""Names and purposes of groups: sealed for the event that carries them, opened for those who may find the group."""

from collections.abc import Iterable
from dataclasses import dataclass

from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1.events_pb2 import GroupCreated, GroupRenamed

from services.common.sealing import DataKey, Place, open_sealed, seal
from services.groups.group import SealedLabels, stream_of
from services.groups.keys import LABEL, ContentKeys
from services.groups.refusals import DELETED_FOR_GOOD


@dataclass(frozen=True, slots=True)
class Labels:
    """What a group is called, and what it is for; both empty in a direct conversation, and once erased."""

    name: str = ""
    purpose: str = ""


class LabelSealing:
    """Seals and opens labels with the groups' label keys."""

    def __init__(self, keys: ContentKeys) -> None:
        self._keys = keys

    async def seal(self, group_id: str, event: type[GroupCreated] | type[GroupRenamed], labels: Labels) -> SealedLabels:
        """The labels, sealed for an event of that type. Raises Refused (GRP-19) for a group whose keys are gone."""
        key = (await self._keys.ensure(group_id, [LABEL])).get(LABEL)
        if key is None:
            raise DELETED_FOR_GOOD()
        event_type = event.DESCRIPTOR.full_name
        name = seal(key, labels.name.encode(), _place(group_id, event_type, "name"))
        purpose = seal(key, labels.purpose.encode(), _place(group_id, event_type, "purpose"))
        return SealedLabels(group_id, event_type, name, purpose)

    async def open(self, sealed: Iterable[SealedLabels]) -> dict[str, Labels]:
        """The labels of all of them by group, with one look-up of keys."""
        wanted = {one.group_id: one for one in sealed}
        keys = await self._keys.of_labels([id for id, one in wanted.items() if one.name.ciphertext])
        return {id: _opened(one, keys.get(id)) for id, one in wanted.items()}


def _opened(sealed: SealedLabels, key: DataKey | None) -> Labels:
    if key is None:
        return Labels()
    return Labels(_text(key, sealed, sealed.name, "name"), _text(key, sealed, sealed.purpose, "purpose"))


def _text(key: DataKey, labels: SealedLabels, sealed: Sealed, path: str) -> str:
    return open_sealed(key, sealed, _place(labels.group_id, labels.event_type, path)).decode()


def _place(group_id: str, event_type: str, path: str) -> Place:
    return Place(event_type, stream_of(group_id), path)
