"""A sight: that someone may do something in a group, checked against the group's own stream during this call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from regard.audit.v1.events_pb2 import READER_KIND_MODERATOR, ReaderKind
from regard.common.v1.common_pb2 import Level

from services.access.group import GroupPolicy, Opening, Scope
from services.access.rules import Action
from services.common.rpc import Caller


@dataclass(frozen=True, slots=True)
class Sight:
    """Who may do what, in which capacity. Made by a guard for one call, and good with that guard only.

    `readable_levels`: of content, by the level at which it was written. `scope`: which of it. `opening`: the
    break-glass that allows it, if one does. `level`: the group's, with which new content is to be written.
    `trail`: the break-glass that is looked at, where members are told of it later.
    """

    caller: Caller
    group_id: str
    action: Action
    level: Level
    readable_levels: frozenset[Level]
    scope: Scope
    until: datetime | None
    capacity: ReaderKind
    rules_version: int
    opening: Opening | None
    policy: GroupPolicy = field(repr=False)
    taken_at_s: float = field(repr=False)
    issuer: object = field(repr=False, compare=False)
    trail: str = ""

    @property
    def moderates(self) -> bool:
        """Whether it is as a moderator that the caller may do this."""
        return self.capacity == READER_KIND_MODERATOR

    @property
    def ledger_key(self) -> str:
        """Whose access stream gets the record: the group's, or a break-glass's of which members are told later."""
        sealed = self.opening.break_glass_id if self.opening and self.opening.sealed else self.trail
        return sealed or self.group_id

    @property
    def since(self) -> datetime | None:
        """Content written before then is not for this reader; None for no bound."""
        return self.scope.since

    def reads(self, level: Level, written_at: datetime | None, *object_ids: str) -> bool:
        """Whether content of that level and time is for this reader. `object_ids`: its own, and of what it lies in."""
        return level in self.readable_levels and self.scope.covers(written_at) and self.scope.concerns(*object_ids)
