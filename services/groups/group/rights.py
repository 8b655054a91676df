"""Who may do what to a group: the guard's own policy, so that what the panel shows is what holds here too."""

from datetime import datetime

from regard.groups.v1.rules_pb2 import MEMBER_ROLE_MODERATOR

from services.access import Action, Denied, verdict
from services.groups.group.state import Group
from services.groups.refusals import ARCHIVED, DIRECT_STAYS, LAST_MODERATOR, MODERATORS_ONLY


def demand(group: Group, person_id: str, action: Action, at: datetime) -> None:
    """Raises Refused, with what the guard would say, unless the person may."""
    found = verdict(group.policy, person_id, (), action, at)
    if isinstance(found, Denied):
        raise found.refusal()


def demand_working(group: Group, person_id: str, at: datetime) -> None:
    """The person may find the group, and its people may change. Raises Refused: ACC-01, GRP-01."""
    demand(group, person_id, Action.FIND, at)
    if group.policy.direct:
        raise DIRECT_STAYS()


def demand_manager(group: Group, person_id: str, at: datetime) -> None:
    """The person manages its members. Raises Refused: ACC-.., GRP-01."""
    demand_working(group, person_id, at)
    demand(group, person_id, Action.MANAGE, at)


def demand_moderator(group: Group, person_id: str, at: datetime) -> None:
    """The person decides on its rules, name and end, which stewards do not. Raises Refused: ACC-.., GRP-01, GRP-02."""
    demand_manager(group, person_id, at)
    if group.policy.members[person_id].role != MEMBER_ROLE_MODERATOR:
        raise MODERATORS_ONLY()


def demand_unarchived(group: Group) -> None:
    """Raises Refused (GRP-03)."""
    if group.policy.archived:
        raise ARCHIVED()


def demand_another_moderator(group: Group, person_id: str) -> None:
    """A moderator is left when the person is none any more. Raises Refused (GRP-04)."""
    if is_last_moderator(group, person_id):
        raise LAST_MODERATOR()


def is_last_moderator(group: Group, person_id: str) -> bool:
    """Whether the person is the only moderator."""
    members = group.policy.members.items()
    return [who for who, member in members if member.role == MEMBER_ROLE_MODERATOR] == [person_id]
