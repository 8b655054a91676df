"""What decides who may do what in a group: a value folded from the events of `group-<id>`, and nothing else.

Only `MemberAdded` makes a member: whoever creates a group, or imports one, does not belong to it by that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_UNSPECIFIED, Level, Purpose
from regard.common.v1.options_pb2 import Role
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_DIRECT,
    GROUP_KIND_UNSPECIFIED,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    GroupKind,
    MemberRole,
    Rules,
)


@dataclass(frozen=True, slots=True)
class Membership:
    """In which capacity someone belongs, and from when to when."""

    role: MemberRole
    since: datetime
    until: datetime | None = None

    def lasts(self, at: datetime) -> bool:
        """Whether it counts at that moment: a guest's ends exactly at `until`, and a guest without end has none."""
        if self.until is None:
            return self.role != MEMBER_ROLE_GUEST
        return at < self.until


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a group's content someone may read: written since then and before then, and in or among these objects.

    None and no ids are no bound. Of a bounded period is only what was certainly written in it, if `strict`.
    """

    since: datetime | None = None
    before: datetime | None = None
    object_ids: frozenset[str] = frozenset()
    strict: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is all content, past and to come."""
        return not (self.since or self.before or self.object_ids)

    def concerns(self, *object_ids: str) -> bool:
        """Whether something that has one of these ids, or lies in what has it, is meant."""
        return not self.object_ids or not self.object_ids.isdisjoint(object_ids)

    def covers(self, written_at: datetime | None) -> bool:
        """Whether something written then is meant."""
        if written_at is None:
            return not (self.strict and (self.since or self.before))
        return not (self.since and written_at < self.since) and not (self.before and written_at >= self.before)


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Opening:
    """A break-glass: one of the two people reads, in this scope, while holding the role, until it ends.

    `sealed`: members are told later, so that what is read under it is recorded on a stream of its own.
    """

    break_glass_id: str
    role: Role
    purpose: Purpose
    reference: str
    scope: Scope
    until: datetime
    sealed: bool = False

    def lasts(self, at: datetime) -> bool:
        """Whether it counts at that moment."""
        return at < self.until


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """A group's level, rules and members. Never modified: `fold` gives the next one."""

    group_id: str = ""
    kind: GroupKind = GROUP_KIND_UNSPECIFIED
    rules: Rules = field(default_factory=Rules)
    rules_version: int = 0
    members: Mapping[str, Membership] = field(default_factory=lambda: MappingProxyType({}))
    proposed: Mapping[int, Rules] = field(default_factory=lambda: MappingProxyType({}))
    opened: Mapping[str, Opening] = field(default_factory=lambda: MappingProxyType({}))
    """By reader: a person has one break-glass of a group at a time."""
    archived: bool = False
    deleted: bool = False

    @property
    def exists(self) -> bool:
        """Whether it was created and not deleted."""
        return bool(self.group_id) and not self.deleted

    @property
    def direct(self) -> bool:
        """Whether it is a direct conversation, whose members never change."""
        return self.kind == GROUP_KIND_DIRECT

    @property
    def level(self) -> Level:
        """How closely it is kept; the closest where nothing is said."""
        if self.direct or self.rules.level == LEVEL_UNSPECIFIED:
            return LEVEL_CONFIDENTIAL
        return self.rules.level

    def member(self, person_id: str, at: datetime) -> Membership | None:
        """Their membership, if it counts at that moment."""
        found = self.members.get(person_id)
        return found if found and found.lasts(at) else None

    def opened_to(self, reader_id: str, opening: Opening) -> GroupPolicy:
        """The policy with a break-glass for that reader."""
        return replace(self, opened=MappingProxyType({**self.opened, reader_id: opening}))


def fold(policy: GroupPolicy, events: Iterable[tuple[Message, datetime]]) -> GroupPolicy:
    """The policy after `events`, each with the moment at which it was recorded; events of no concern change nothing."""
    members, proposed = dict(policy.members), dict(policy.proposed)
    for event, at in events:
        policy = _evolve(policy, members, proposed, event, at)
    return replace(policy, members=MappingProxyType(members), proposed=MappingProxyType(proposed))


def _evolve(
    policy: GroupPolicy,
    members: dict[str, Membership],
    proposed: dict[int, Rules],
    event: Message,
    at: datetime,
) -> GroupPolicy:
    # Copying the members once per fold, not once per event, keeps a group of thousands cheap to read.
    match event:
        case groups.GroupCreated():
            return replace(policy, group_id=event.group_id, kind=event.kind, rules=event.rules, rules_version=1)
        case groups.MemberAdded():
            members[event.person_id] = _added(members.get(event.person_id), event, at)
        case groups.MemberLeft() | groups.MemberRemoved() | groups.MembershipExpired():
            members.pop(event.person_id, None)
        case groups.ModeratorAppointed() if event.person_id in members:
            members[event.person_id] = replace(members[event.person_id], role=MEMBER_ROLE_MODERATOR, until=None)
        case groups.ModeratorStoodDown() if event.person_id in members:
            members[event.person_id] = replace(members[event.person_id], role=MEMBER_ROLE_MEMBER, until=None)
        case groups.RulesProposed():
            proposed[event.version] = event.rules
        case groups.RulesRejected():
            proposed.pop(event.version, None)
        case groups.RulesAdopted() if event.version in proposed:
            return replace(policy, rules=proposed.pop(event.version), rules_version=event.version)
        case groups.GroupArchived():
            return replace(policy, archived=True)
        case groups.GroupDeleted():
            members.clear()
            return replace(policy, deleted=True, opened=MappingProxyType({}))
        case groups.BreakGlassOpened():
            return policy.opened_to(event.reader_id, opening_of(event, event.reader_role))
        case groups.BreakGlassClosed():
            left = {who: one for who, one in policy.opened.items() if one.break_glass_id != event.break_glass_id}
            return replace(policy, opened=MappingProxyType(left))
        case _:
            pass
    return policy


def _added(before: Membership | None, event: groups.MemberAdded, at: datetime) -> Membership:
    until = event.until.ToDatetime(UTC) if event.HasField("until") else None
    # A change of capacity is no new arrival; coming back is.
    since = before.since if before and before.lasts(at) else at
    return Membership(event.role, since, until)


def opening_of(
    event: groups.BreakGlassOpened | groups.BreakGlassRequested, role: Role, *, sealed: bool = False
) -> Opening:
    """What a break-glass opens to its reader, who holds `role`."""
    scope = event.scope
    return Opening(
        break_glass_id=event.break_glass_id,
        role=role,
        purpose=event.reason,
        reference=event.reference,
        scope=Scope(
            since=getattr(scope, "from").ToDatetime(UTC) if scope.HasField("from") else None,
            before=scope.to.ToDatetime(UTC) if scope.HasField("to") else None,
            object_ids=frozenset(scope.object_ids),
            strict=True,
        ),
        until=event.ends_at.ToDatetime(UTC),
        sealed=sealed,
    )
