"""Names and purposes of groups: sealed for the event that carries them, opened for those who may find the group."""

from collections.abc import Collection, Mapping
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

    async def opener(self, group_ids: Collection[str]) -> "LabelOpener":
        """What opens the labels of these groups, with one look-up of keys."""
        return LabelOpener(await self._keys.of_labels(group_ids))

    async def open(self, sealed: SealedLabels | None) -> Labels:
        """The labels of one group; none where there are none."""
        return (await self.opener([sealed.group_id])).labels(sealed) if sealed else Labels()


class LabelOpener:
    """Opens the labels of some groups, for the length of a call."""

    def __init__(self, keys: Mapping[str, DataKey]) -> None:
        self._keys = keys

    def labels(self, sealed: SealedLabels) -> Labels:
        """The labels; empty where their key is destroyed."""
        purpose = self._open(sealed.group_id, sealed.event_type, sealed.purpose, "purpose")
        return Labels(self.name(sealed.group_id, sealed.event_type, sealed.name), purpose)

    def name(self, group_id: str, event_type: str, sealed: Sealed) -> str:
        """The name alone, sealed for an event of that type."""
        return self._open(group_id, event_type, sealed, "name")

    def _open(self, group_id: str, event_type: str, sealed: Sealed, path: str) -> str:
        key = self._keys.get(group_id)
        if key is None or not sealed.ciphertext:
            return ""
        return open_sealed(key, sealed, _place(group_id, event_type, path)).decode()


def _place(group_id: str, event_type: str, path: str) -> Place:
    return Place(event_type, stream_of(group_id), path)
