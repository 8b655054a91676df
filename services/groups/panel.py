"""The panel and the list of members, from the policy that the guard enforces: pure."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import Sentence
from regard.groups.v1.groups_pb2 import CanSee, Member
from regard.groups.v1.rules_pb2 import (
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_STEWARD,
    MemberRole,
)

from services.access import GroupPolicy, Membership, PanelLine
from services.groups.group.voting import timestamp

_RANK: Mapping[MemberRole, int] = {
    MEMBER_ROLE_MODERATOR: 0,
    MEMBER_ROLE_STEWARD: 1,
    MEMBER_ROLE_MEMBER: 2,
    MEMBER_ROLE_GUEST: 3,
}

MemberKey = tuple[int, int, str]
"""Rank of the role, since when in microseconds, id: the order of a list of members."""


def can_see(line: PanelLine) -> CanSee:
    """A line of the panel."""
    return CanSee(
        person_id=line.person_id,
        capacity=line.capacity,
        reads_content=line.reads_content,
        reads_ledger=line.reads_ledger,
        writes=line.writes,
        manages=line.manages,
        until=timestamp(line.until) if line.until else None,
        content_since=timestamp(line.since) if line.since else None,
        recorded=line.recorded,
        why=Sentence(en=line.en, fr=line.fr),
        rule=line.rule,
    )


def members_after(policy: GroupPolicy, after: MemberKey | None) -> list[tuple[MemberKey, Member]]:
    """Those who belong and come after that key, in order."""
    listed = ((_key(person, membership), membership) for person, membership in policy.members.items())
    following = sorted((one for one in listed if after is None or one[0] > after), key=lambda one: one[0])
    return [(key, _member(key[2], membership)) for key, membership in following]


def _key(person_id: str, membership: Membership) -> MemberKey:
    since: Timestamp = timestamp(membership.since)
    return _RANK.get(membership.role, len(_RANK)), since.ToMicroseconds(), person_id


def _member(person_id: str, membership: Membership) -> Member:
    return Member(
        person_id=person_id,
        role=membership.role,
        since=timestamp(membership.since),
        until=timestamp(membership.until) if membership.until else None,
    )
