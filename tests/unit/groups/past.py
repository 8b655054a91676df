"""What has happened to a group, told shortly. Ada moderates it; Bob and Cyd are members; Eve is nobody's colleague."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Level, Sealed
from regard.groups.v1.events_pb2 import (
    GroupArchived,
    GroupCreated,
    GroupDeleted,
    JoinRequested,
    MemberAdded,
    MemberInvited,
    RulesProposed,
    RulesVoted,
)
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_WORKING,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_STEWARD,
    MemberRole,
    Rules,
)

from services.groups.group import DECIDER
from tests.given import examples

given = examples(DECIDER)

GROUP = "group"
ADA, BOB, CYD, GUS, STE, EVE = "ada", "bob", "cyd", "gus", "ste", "eve"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)
NAME, PURPOSE = Sealed(ciphertext=b"name"), Sealed(ciphertext=b"purpose")
OTHER_NAME, OTHER_PURPOSE = Sealed(ciphertext=b"other name"), Sealed(ciphertext=b"other purpose")

OPEN = Rules(level=LEVEL_OPEN)
FINDABLE = Rules(level=LEVEL_RESTRICTED, discoverable=True)
HIDDEN = Rules(level=LEVEL_RESTRICTED)
CONFIDENTIAL = Rules(level=LEVEL_CONFIDENTIAL)


def rules(level: Level = LEVEL_OPEN, **more: Any) -> Rules:
    return Rules(level=level, **more)


def created(of: Rules = OPEN, by: str = ADA) -> GroupCreated:
    return GroupCreated(group_id=GROUP, name=NAME, purpose=PURPOSE, rules=of, created_by=by, kind=GROUP_KIND_WORKING)


def added(
    person: str, role: MemberRole = MEMBER_ROLE_MEMBER, by: str = ADA, until: datetime | None = None
) -> MemberAdded:
    end = timestamp(until) if until else None
    return MemberAdded(group_id=GROUP, person_id=person, role=role, added_by=by, until=end)


def guest(person: str, until: datetime = TOMORROW, by: str = ADA) -> MemberAdded:
    return added(person, MEMBER_ROLE_GUEST, by, until)


def invited(person: str, by: str = ADA) -> MemberInvited:
    return MemberInvited(group_id=GROUP, person_id=person, invited_by=by)


def requested(person: str) -> JoinRequested:
    return JoinRequested(group_id=GROUP, person_id=person)


def proposed(of: Rules, needed: int, version: int = 2, closes_at: datetime = TOMORROW, by: str = ADA) -> RulesProposed:
    return RulesProposed(
        group_id=GROUP, version=version, rules=of, proposed_by=by, needed=needed, closes_at=timestamp(closes_at)
    )


def voted(person: str, *, agrees: bool = True, version: int = 2) -> RulesVoted:
    return RulesVoted(group_id=GROUP, version=version, person_id=person, agrees=agrees)


def begun(of: Rules = OPEN, *members: str) -> tuple[Message, ...]:
    """A group with Ada as moderator, and these members."""
    return created(of), added(ADA, MEMBER_ROLE_MODERATOR), *(added(person) for person in members)


STEWARD = added(STE, MEMBER_ROLE_STEWARD)
ARCHIVED = GroupArchived(group_id=GROUP, archived_by=ADA)
DELETED = GroupDeleted(group_id=GROUP, deleted_by=ADA)


def timestamp(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment
