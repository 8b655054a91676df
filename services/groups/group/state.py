"""What decisions need to know of a group: the policy that the guard enforces, and what waits for an answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1.events_pb2 import (
    BreakGlassClosed,
    BreakGlassOpened,
    GroupCreated,
    GroupDeleted,
    GroupRenamed,
    InvitationDeclined,
    JoinRefused,
    JoinRequested,
    KeysDestroyed,
    MemberAdded,
    MemberInvited,
    MemberLeft,
    MemberRemoved,
    MembershipExpired,
    RulesAdopted,
    RulesProposed,
    RulesRejected,
    RulesVoted,
)
from regard.groups.v1.rules_pb2 import MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR, Rules

from services import access
from services.access import GroupPolicy

_NOBODY: frozenset[str] = frozenset()
_TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of when an event was recorded: since when somebody belongs matters to readers, and to no decision here."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules that are voted on. Only those vote who were members when it was made and are so still."""

    version: int
    rules: Rules
    proposed_by: str
    needed: int
    closes_at: datetime
    electorate: frozenset[str]
    agreed: frozenset[str] = _NOBODY
    disagreed: frozenset[str] = _NOBODY

    @property
    def is_agreed(self) -> bool:
        """Whether enough have agreed."""
        return len(self.agreed) >= self.needed

    @property
    def is_hopeless(self) -> bool:
        """Whether there are not enough left who could still agree."""
        return len(self.electorate - self.disagreed) < self.needed

    def voted(self, person_id: str, agrees: bool) -> "Proposal":
        """The proposal after a vote, which takes the place of an earlier one."""
        agreed, disagreed = self.agreed - {person_id}, self.disagreed - {person_id}
        if agrees:
            return replace(self, agreed=agreed | {person_id}, disagreed=disagreed)
        return replace(self, agreed=agreed, disagreed=disagreed | {person_id})

    def without(self, person_id: str) -> "Proposal":
        """The proposal after one of its voters went away, and their vote with them."""
        gone = {person_id}
        return replace(
            self, electorate=self.electorate - gone, agreed=self.agreed - gone, disagreed=self.disagreed - gone
        )


@dataclass(frozen=True, slots=True)
class SealedLabels:
    """A group's name and purpose as stored, with the full name of the event that they were sealed for."""

    group_id: str
    event_type: str
    name: Sealed
    purpose: Sealed


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `former`: who left or was removed, and did not come back; `last_version`: of rules ever proposed.

    `glass`: every break-glass that was opened or closed here, so that none opens twice. `erased`: authors whose keys
    are destroyed.
    """

    policy: GroupPolicy = field(default_factory=GroupPolicy)
    labels: SealedLabels | None = None
    invited: frozenset[str] = _NOBODY
    requested: frozenset[str] = _NOBODY
    former: frozenset[str] = _NOBODY
    proposal: Proposal | None = None
    last_version: int = 0
    glass: frozenset[str] = _NOBODY
    keys_destroyed: bool = False
    erased: frozenset[str] = _NOBODY


def electorate(policy: GroupPolicy) -> frozenset[str]:
    """Whose consent it takes to lower the level: members and moderators."""
    voters = (MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR)
    return frozenset(person for person, member in policy.members.items() if member.role in voters)


def fold(group: Group, events: Iterable[Message]) -> Group:
    """The group after `events`, as if one by one; a group of thousands is copied once, not once per event."""
    for run in _runs(events):
        policy = access.fold(group.policy, ((event, _TIMELESS) for event in run))
        for event in run:
            group = _evolve(group, event, policy)
        group = replace(group, policy=policy)
    return group


def evolve(group: Group, event: Message) -> Group:
    """The group after `event`."""
    return fold(group, (event,))


def _runs(events: Iterable[Message]) -> Iterator[list[Message]]:
    """The events, parted after each proposal, because that is when the members are counted."""
    run: list[Message] = []
    for event in events:
        run.append(event)
        if isinstance(event, RulesProposed):
            yield run
            run = []
    if run:
        yield run


def _evolve(group: Group, event: Message, policy: GroupPolicy) -> Group:
    """Everything but the policy. `policy` is that of the end of the run: right for a proposal, which ends it."""
    match event:
        case GroupCreated():
            return replace(group, labels=_labels(event), last_version=1)
        case GroupRenamed():
            return replace(group, labels=_labels(event))
        case MemberInvited():
            return replace(group, invited=group.invited | {event.person_id})
        case JoinRequested():
            return replace(group, requested=group.requested | {event.person_id})
        case InvitationDeclined():
            return replace(group, invited=group.invited - {event.person_id})
        case JoinRefused():
            return replace(group, requested=group.requested - {event.person_id})
        case MemberAdded():
            return _settled(group, event.person_id)
        case MemberLeft() | MemberRemoved() | MembershipExpired():
            return _gone(group, event.person_id)
        case RulesProposed():
            proposal = _proposal(event, policy) if event.needed else None
            return replace(group, proposal=proposal, last_version=event.version)
        case RulesVoted() if group.proposal:
            return replace(group, proposal=group.proposal.voted(event.person_id, event.agrees))
        case RulesAdopted() | RulesRejected():
            return replace(group, proposal=None)
        case BreakGlassOpened() | BreakGlassClosed():
            return replace(group, glass=group.glass | {event.break_glass_id})
        case GroupDeleted():
            return replace(group, invited=_NOBODY, requested=_NOBODY, proposal=None)
        case KeysDestroyed() if not event.author_id:
            return replace(group, keys_destroyed=True)
        case KeysDestroyed():
            return replace(group, erased=group.erased | {event.author_id})
        case _:
            return group


def _labels(event: GroupCreated | GroupRenamed) -> SealedLabels:
    return SealedLabels(event.group_id, event.DESCRIPTOR.full_name, event.name, event.purpose)


def _settled(group: Group, person_id: str) -> Group:
    if person_id not in group.invited and person_id not in group.requested and person_id not in group.former:
        return group
    here = {person_id}
    return replace(group, invited=group.invited - here, requested=group.requested - here, former=group.former - here)


def _gone(group: Group, person_id: str) -> Group:
    group = replace(_settled(group, person_id), former=group.former | {person_id})
    return replace(group, proposal=group.proposal.without(person_id)) if group.proposal else group


def _proposal(event: RulesProposed, policy: GroupPolicy) -> Proposal:
    return Proposal(
        version=event.version,
        rules=event.rules,
        proposed_by=event.proposed_by,
        needed=event.needed,
        closes_at=event.closes_at.ToDatetime(UTC),
        electorate=electorate(policy),
    )
