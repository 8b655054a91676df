"""How people come into a group, change their role in it, and go."""

from datetime import datetime, timedelta

from google.protobuf.message import Message
from regard.groups.v1.events_pb2 import (
    InvitationAccepted,
    InvitationDeclined,
    JoinApproved,
    JoinRefused,
    JoinRequested,
    MemberAdded,
    MemberInvited,
    MemberLeft,
    MemberRemoved,
    MembershipExpired,
    ModeratorAppointed,
    ModeratorStoodDown,
)
from regard.groups.v1.rules_pb2 import (
    INVITE_POLICY_MEMBERS,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_ON_REQUEST,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MemberRole,
)

from services.access import Action
from services.groups.group.commands import (
    AcceptInvitation,
    AddGuest,
    DeclineInvitation,
    Depart,
    Expire,
    Invite,
    Join,
    Leave,
    Remove,
    SetModerator,
    SettleRequest,
)
from services.groups.group.making import archived
from services.groups.group.rights import (
    demand,
    demand_another_moderator,
    demand_manager,
    demand_unarchived,
    demand_working,
    is_last_moderator,
)
from services.groups.group.state import Group
from services.groups.group.voting import after_departure, timestamp
from services.groups.refusals import (
    ALREADY_BELONGS,
    BY_INVITATION_ONLY,
    DIRECT_STAYS,
    GUEST_END,
    NO_GUESTS,
    NO_REQUEST,
    NOT_A_FULL_MEMBER,
    NOT_INVITED,
    NOT_YOURSELF,
)

LONGEST_STAY = timedelta(days=366)


def invite(command: Invite, group: Group) -> tuple[Message, ...]:
    """The invitation. Raises Refused: ACC-.., GRP-01, GRP-03, GRP-08."""
    demand_working(group, command.by, command.at)
    inviter = group.policy.member(command.by, command.at)
    members_invite = group.policy.rules.invite == INVITE_POLICY_MEMBERS
    if not (members_invite and inviter and inviter.role == MEMBER_ROLE_MEMBER):
        demand(group, command.by, Action.MANAGE, command.at)
    demand_unarchived(group)
    if _is_full_member(group, command.person_id) or command.person_id in group.invited:
        return ()
    _demand_other(command.person_id, command.by)
    return (MemberInvited(group_id=group.policy.group_id, person_id=command.person_id, invited_by=command.by),)


def accept(command: AcceptInvitation, group: Group) -> tuple[Message, ...]:
    """The membership. Raises Refused: ACC-01, GRP-03, GRP-06."""
    if command.by not in group.invited:
        demand_working(group, command.by, command.at)
        if group.policy.member(command.by, command.at):
            return ()
        raise NOT_INVITED()
    demand_unarchived(group)
    accepted = InvitationAccepted(group_id=group.policy.group_id, person_id=command.by)
    return accepted, _added(group, command.by, MEMBER_ROLE_MEMBER, command.by)


def decline(command: DeclineInvitation, group: Group) -> tuple[Message, ...]:
    """The refusal of an invitation. Raises Refused: ACC-01, GRP-06."""
    if command.by not in group.invited:
        demand_working(group, command.by, command.at)
        raise NOT_INVITED()
    return (InvitationDeclined(group_id=group.policy.group_id, person_id=command.by),)


def join(command: Join, group: Group) -> tuple[Message, ...]:
    """Membership, or a request for it. Raises Refused: ACC-01, GRP-01, GRP-03, GRP-05."""
    if command.by in group.invited:
        return accept(AcceptInvitation(command.by, command.at), group)
    demand_working(group, command.by, command.at)
    if _is_full_member(group, command.by):
        return ()
    demand_unarchived(group)
    match group.policy.rules.join:
        case policy if policy == JOIN_POLICY_ANYONE:
            return (_added(group, command.by, MEMBER_ROLE_MEMBER, command.by),)
        case policy if policy == JOIN_POLICY_ON_REQUEST and command.by in group.requested:
            return ()
        case policy if policy == JOIN_POLICY_ON_REQUEST:
            return (JoinRequested(group_id=group.policy.group_id, person_id=command.by),)
        case _:
            raise BY_INVITATION_ONLY()


def settle(command: SettleRequest, group: Group) -> tuple[Message, ...]:
    """The answer to a request. Raises Refused: ACC-.., GRP-01, GRP-03, GRP-07, GRP-08."""
    demand_manager(group, command.by, command.at)
    group_id, person = group.policy.group_id, command.person_id
    if person not in group.requested:
        if command.approve and not group.policy.member(person, command.at):
            raise NO_REQUEST()
        return ()
    if not command.approve:
        return (JoinRefused(group_id=group_id, person_id=person, refused_by=command.by),)
    _demand_other(person, command.by)
    demand_unarchived(group)
    approved = JoinApproved(group_id=group_id, person_id=person, approved_by=command.by)
    return approved, _added(group, person, MEMBER_ROLE_MEMBER, command.by)


def add_guest(command: AddGuest, group: Group) -> tuple[Message, ...]:
    """The guest, or their new end. Raises Refused: ACC-.., GRP-01, -03, -08, -09, -10, -11."""
    demand_manager(group, command.by, command.at)
    demand_unarchived(group)
    if not group.policy.rules.guests_allowed:
        raise NO_GUESTS()
    if not command.at < command.until <= command.at + LONGEST_STAY:
        raise GUEST_END()
    _demand_other(command.person_id, command.by)
    present = group.policy.members.get(command.person_id)
    if present and present.role != MEMBER_ROLE_GUEST:
        raise ALREADY_BELONGS()
    if present and present.until == command.until:
        return ()
    return (_added(group, command.person_id, MEMBER_ROLE_GUEST, command.by, command.until),)


def leave(command: Leave, group: Group) -> tuple[Message, ...]:
    """The departure. Raises Refused: ACC-01, GRP-01, GRP-04."""
    if command.by not in group.policy.members:
        demand_working(group, command.by, command.at)
        return ()
    if group.policy.direct:
        raise DIRECT_STAYS()
    demand_another_moderator(group, command.by)
    left = MemberLeft(group_id=group.policy.group_id, person_id=command.by)
    return left, *after_departure(group, command.by)


def remove(command: Remove, group: Group) -> tuple[Message, ...]:
    """The removal. Raises Refused: ACC-.., GRP-01, GRP-04."""
    demand_manager(group, command.by, command.at)
    person = command.person_id
    if person not in group.policy.members and person not in group.invited and person not in group.requested:
        return ()
    demand_another_moderator(group, person)
    removed = MemberRemoved(group_id=group.policy.group_id, person_id=person, removed_by=command.by)
    return removed, *after_departure(group, person)


def set_moderator(command: SetModerator, group: Group) -> tuple[Message, ...]:
    """The appointment, or its end. Raises Refused: ACC-.., GRP-01, GRP-04, GRP-12."""
    demand_manager(group, command.by, command.at)
    group_id, person = group.policy.group_id, command.person_id
    present = group.policy.members.get(person)
    moderates = present is not None and present.role == MEMBER_ROLE_MODERATOR
    if moderates == command.moderator:
        return ()
    if not command.moderator:
        demand_another_moderator(group, person)
        return (ModeratorStoodDown(group_id=group_id, person_id=person, decided_by=command.by),)
    if present is None or present.role != MEMBER_ROLE_MEMBER:
        raise NOT_A_FULL_MEMBER()
    return (ModeratorAppointed(group_id=group_id, person_id=person, appointed_by=command.by),)


def expire(command: Expire, group: Group) -> tuple[Message, ...]:
    """The end of a guest whose time is over."""
    present = group.policy.members.get(command.person_id)
    if present is None or present.role != MEMBER_ROLE_GUEST or present.lasts(command.at):
        return ()
    return (MembershipExpired(group_id=group.policy.group_id, person_id=command.person_id),)


def depart(command: Depart, group: Group) -> tuple[Message, ...]:
    """The end of the membership of someone who left the company.

    Of the last moderator, the longest-standing member takes the place; a group without any is archived.
    """
    person, group_id = command.person_id, group.policy.group_id
    if group.policy.direct or person not in group.policy.members:
        return ()
    removed = MemberRemoved(
        group_id=group_id, person_id=person, removed_by=command.by, reason=MemberRemoved.REASON_DEACTIVATED
    )
    if not is_last_moderator(group, person):
        return removed, *after_departure(group, person)
    members = group.policy.members.items()
    successor = next((who for who, member in members if member.role == MEMBER_ROLE_MEMBER), "")
    if successor:
        appointed = ModeratorAppointed(group_id=group_id, person_id=successor, appointed_by=command.by)
        return appointed, removed, *after_departure(group, person)
    return *(() if group.policy.archived else archived(group, command.by)), removed


def _is_full_member(group: Group, person_id: str) -> bool:
    present = group.policy.members.get(person_id)
    return present is not None and present.role in (MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR)


def _demand_other(person_id: str, by: str) -> None:
    """Nobody is let in by themselves: whoever may let people in and does not belong fully is a steward."""
    if person_id == by:
        raise NOT_YOURSELF()


def _added(group: Group, person_id: str, role: MemberRole, by: str, until: datetime | None = None) -> MemberAdded:
    return MemberAdded(
        group_id=group.policy.group_id,
        person_id=person_id,
        role=role,
        until=timestamp(until) if until else None,
        added_by=by,
    )
