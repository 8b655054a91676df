"""Which objects a reader was recorded as reading in the present window, so that reading them again adds no line."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime

from regard.audit.v1.events_pb2 import ReaderKind
from regard.common.v1.common_pb2 import Purpose

from services.access.group import GroupPolicy
from services.access.rules import Action

DEFAULT_MINUTES = 60
_REMEMBERED_OBJECTS = 200_000

REPEATABLE = frozenset({Action.READ, Action.PREVIEW, Action.READ_LEDGER, Action.IMPORT})
"""The actions that may be one access when repeated; a search, an export, a download is an act each time."""

Looking = tuple[str, str, ReaderKind, Action, Purpose, str, int, int]
"""Group, reader, capacity, action, purpose, reference, version of the rules, number of the window."""


def looking(
    policy: GroupPolicy,
    reader: str,
    capacity: ReaderKind,
    action: Action,
    purpose: Purpose,
    reference: str,
    at: datetime,
) -> Looking:
    """What has to be equal for two readings of an object to be one access."""
    minutes = policy.rules.window_minutes or DEFAULT_MINUTES
    window = int(at.timestamp() // (60 * minutes))
    return policy.group_id, reader, capacity, action, purpose, reference, policy.rules_version, window


class Windows:
    """Remembers what is durably recorded, and only that; forgetting some of it only adds lines to the ledger."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Looking, set[tuple[str, str]]] = OrderedDict()
        self._objects = 0

    def unseen(self, looking: Looking, objects: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those that are to be recorded."""
        return set(objects) - self._seen.get(looking, set())

    def saw(self, looking: Looking, objects: set[tuple[str, str]]) -> None:
        """Remembers, once their record is durable."""
        seen = self._seen.setdefault(looking, set())
        self._seen.move_to_end(looking)
        self._objects += len(objects - seen)
        seen |= objects
        while self._objects > _REMEMBERED_OBJECTS and len(self._seen) > 1:
            _, forgotten = self._seen.popitem(last=False)
            self._objects -= len(forgotten)
