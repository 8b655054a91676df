"""What can be asked of a group. `by` is who asks, `at` when; names come sealed, so that decisions are free of keys."""

from dataclasses import dataclass
from datetime import datetime

from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1.events_pb2 import BreakGlassOpened
from regard.groups.v1.rules_pb2 import MemberRole, Rules


@dataclass(frozen=True, slots=True)
class Create:
    """Make a working group with its first moderator."""

    group_id: str
    name: Sealed
    purpose: Sealed
    rules: Rules
    by: str


@dataclass(frozen=True, slots=True)
class OpenDirect:
    """Make the group behind a direct conversation, unless it is there."""

    group_id: str
    people: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Import:
    """Make the group, or add to it those who are missing; whoever left or was removed stays away."""

    group_id: str
    name: Sealed
    purpose: Sealed
    rules: Rules
    people: tuple[tuple[str, MemberRole], ...]
    by: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the group another name and purpose."""

    name: Sealed
    purpose: Sealed
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Invite:
    """Invite a colleague."""

    person_id: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AcceptInvitation:
    """Become a member on invitation."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeclineInvitation:
    """Say no to an invitation."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Join:
    """Become a member, or ask to."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SettleRequest:
    """Approve or refuse someone who asked to join."""

    person_id: str
    approve: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AddGuest:
    """Let a guest in until a date, or put off the date of one who is there."""

    person_id: str
    until: datetime
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the group."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove someone, or take back their invitation or request."""

    person_id: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SetModerator:
    """Make a member a moderator, or a moderator a member."""

    person_id: str
    moderator: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ProposeRules:
    """Put other rules into force, or to the vote where they take the members' consent."""

    rules: Rules
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Vote:
    """Say what one thinks of proposed rules."""

    version: int
    agrees: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Archive:
    """Close the group to writing."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the group, whose sealed name was opened and found to be the one that was typed."""

    name: Sealed
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Expire:
    """End a guest's membership if it is over."""

    person_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Depart:
    """End the membership of someone who left the company; `by` is on whose behalf a successor is appointed."""

    person_id: str
    by: str


@dataclass(frozen=True, slots=True)
class CloseVote:
    """Reject the rules whose vote ended without agreement."""

    at: datetime


@dataclass(frozen=True, slots=True)
class OpenGlass:
    """Open the group by a break-glass that was approved, as the event says."""

    opened: BreakGlassOpened
    at: datetime


@dataclass(frozen=True, slots=True)
class CloseGlass:
    """End a break-glass, or see to it that it never opens."""

    break_glass_id: str
    by: str


@dataclass(frozen=True, slots=True)
class ConfirmKeysDestroyed:
    """Record that the keys of the deleted group are gone, or those of an author who was erased."""

    author: str = ""


Command = (
    Create
    | OpenDirect
    | Import
    | Rename
    | Invite
    | AcceptInvitation
    | DeclineInvitation
    | Join
    | SettleRequest
    | AddGuest
    | Leave
    | Remove
    | SetModerator
    | ProposeRules
    | Vote
    | Archive
    | Delete
    | Expire
    | Depart
    | CloseVote
    | OpenGlass
    | CloseGlass
    | ConfirmKeysDestroyed
)
