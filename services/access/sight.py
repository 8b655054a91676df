"""A sight: that someone may do something in a group, checked against the group's own stream during this call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from regard.audit.v1.events_pb2 import READER_KIND_MODERATOR, ReaderKind
from regard.common.v1.common_pb2 import Level

from services.access.group import GroupPolicy
from services.access.rules import Action
from services.common.rpc import Caller


@dataclass(frozen=True, slots=True)
class Sight:
    """Who may do what, in which capacity. Made by a guard for one call, and good with that guard only.

    `readable_levels`: of content, by the level at which it was written. `since`: content written before then is not
    for this reader; None for all of it. `level`: the group's, with which new content is to be written.
    """

    caller: Caller
    group_id: str
    action: Action
    level: Level
    readable_levels: frozenset[Level]
    since: datetime | None
    until: datetime | None
    capacity: ReaderKind
    rules_version: int
    policy: GroupPolicy = field(repr=False)
    taken_at_s: float = field(repr=False)
    issuer: object = field(repr=False, compare=False)

    @property
    def moderates(self) -> bool:
        """Whether it is as a moderator that the caller may do this."""
        return self.capacity == READER_KIND_MODERATOR

    def reads(self, level: Level, written_at: datetime | None) -> bool:
        """Whether content of that level and time is for this reader; a time that isn't known is not held against it."""
        return level in self.readable_levels and not (self.since and written_at and written_at < self.since)
