"""How a group begins and ends, a row per branch."""

from dataclasses import replace

import pytest
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL
from regard.groups.v1.events_pb2 import GroupCreated, GroupRenamed, KeysDestroyed, MemberLeft, RulesRejected
from regard.groups.v1.rules_pb2 import GROUP_KIND_DIRECT, MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR

from services.groups.group.commands import Archive, ConfirmKeysDestroyed, Create, Delete, Import, OpenDirect, Rename
from tests.unit.groups.past import (
    ADA,
    ARCHIVED,
    BOB,
    CONFIDENTIAL,
    CYD,
    DELETED,
    EVE,
    FINDABLE,
    GROUP,
    GUS,
    NAME,
    NOW,
    OPEN,
    OTHER_NAME,
    OTHER_PURPOSE,
    PURPOSE,
    STE,
    STEWARD,
    added,
    begun,
    created,
    given,
    guest,
    invited,
    proposed,
    requested,
    rules,
    voted,
)

CREATE = Create(GROUP, NAME, PURPOSE, OPEN, ADA)
PEOPLE = ((BOB, MEMBER_ROLE_MEMBER), (ADA, MEMBER_ROLE_MODERATOR))
IMPORT = Import(GROUP, NAME, PURPOSE, OPEN, PEOPLE, STE)
OPEN_DIRECT = OpenDirect(GROUP, (ADA, BOB), ADA)
RENAME = Rename(OTHER_NAME, OTHER_PURPOSE, ADA, NOW)
ARCHIVE = Archive(ADA, NOW)
DELETE = Delete(NAME, ADA, NOW)
KEYS_DESTROYED = KeysDestroyed(group_id=GROUP)
RENAMED = GroupRenamed(group_id=GROUP, name=OTHER_NAME, purpose=OTHER_PURPOSE, renamed_by=ADA)
REJECTED = RulesRejected(group_id=GROUP, version=2)


def direct() -> tuple[Message, ...]:
    return given().when(OPEN_DIRECT).events


def test_whoever_creates_a_group_moderates_it() -> None:
    group = given().when(CREATE).then(created(), added(ADA, MEMBER_ROLE_MODERATOR))
    assert group.policy.exists
    assert group.policy.rules_version == group.last_version == 1
    assert group.policy.members[ADA].role == MEMBER_ROLE_MODERATOR


@pytest.mark.parametrize("past", [begun(), (*begun(), DELETED)], ids=["there", "deleted"])
def test_a_group_is_created_once(past: tuple[Message, ...]) -> None:
    given(*past).when(CREATE).then()


@pytest.mark.parametrize("percent", [1, 49])
def test_consent_takes_half_of_the_members_at_least(percent: int) -> None:
    given().when(replace(CREATE, rules=rules(consent_quorum_percent=percent))).raises("GRP-16")


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_consent_of_half_or_more_is_fine(percent: int) -> None:
    assert given().when(replace(CREATE, rules=rules(consent_quorum_percent=percent))).events


def test_a_direct_conversation_is_confidential_and_has_members_only() -> None:
    opened = given().when(OPEN_DIRECT)
    first, *people = opened.events
    assert isinstance(first, GroupCreated)
    assert (first.kind, first.rules.level, first.created_by) == (GROUP_KIND_DIRECT, LEVEL_CONFIDENTIAL, ADA)
    assert not first.HasField("name")
    assert people == [added(ADA), added(BOB)]


def test_a_direct_conversation_is_opened_once() -> None:
    given(*direct()).when(replace(OPEN_DIRECT, by=BOB)).then()


def test_nobody_opens_a_conversation_of_others() -> None:
    given().when(replace(OPEN_DIRECT, by=EVE)).raises("GRP-21")


def test_an_import_makes_the_group_and_the_administrator_does_not_belong() -> None:
    group = given().when(IMPORT).then(created(by=STE), added(BOB, by=STE), added(ADA, MEMBER_ROLE_MODERATOR, by=STE))
    assert STE not in group.policy.members


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (begun(OPEN, BOB), ()),
        (begun(OPEN), (added(BOB, by=STE),)),
        ((*begun(OPEN, BOB), MemberLeft(group_id=GROUP, person_id=BOB)), ()),
        ((*begun(OPEN, BOB), ARCHIVED), ()),
        ((*begun(OPEN, BOB, CYD),), ()),
    ],
    ids=["complete", "one missing", "one left", "archived and complete", "one more"],
)
def test_an_import_repeated_adds_what_is_missing(past: tuple[Message, ...], expected: tuple[Message, ...]) -> None:
    given(*past).when(IMPORT).then(*expected)


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        ((*begun(), DELETED), IMPORT, "GRP-19"),
        ((), replace(IMPORT, people=(*PEOPLE, (STE, MEMBER_ROLE_MEMBER))), "GRP-22"),
        ((), replace(IMPORT, people=((STE, MEMBER_ROLE_MODERATOR),)), "GRP-22"),
        (begun(), replace(IMPORT, people=(*PEOPLE, (STE, MEMBER_ROLE_MEMBER))), "GRP-22"),
        ((*begun(), ARCHIVED), IMPORT, "GRP-03"),
        ((), replace(IMPORT, rules=rules(consent_quorum_percent=10)), "GRP-16"),
    ],
    ids=["deleted", "oneself", "oneself as moderator", "oneself into one that exists", "archived", "consent"],
)
def test_an_import_is_refused(past: tuple[Message, ...], command: Import, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


def test_an_import_leaves_an_administrator_whom_a_moderator_let_in() -> None:
    members = MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR
    for role in members:
        given(*begun(OPEN, BOB, STE)).when(replace(IMPORT, people=(*PEOPLE, (STE, role)))).then()
    gone = MemberLeft(group_id=GROUP, person_id=STE)
    given(*begun(OPEN, BOB, STE), gone).when(replace(IMPORT, people=(*PEOPLE, (STE, members[0])))).then()


def test_a_moderator_renames() -> None:
    group = given(*begun()).when(RENAME).then(RENAMED)
    assert group.labels
    assert (group.labels.name, group.labels.event_type) == (OTHER_NAME, "regard.groups.v1.GroupRenamed")


def test_archiving_ends_the_vote() -> None:
    vote = proposed(OPEN, 2), voted(ADA)
    group = given(*begun(CONFIDENTIAL, BOB), *vote).when(ARCHIVE).then(REJECTED, ARCHIVED)
    assert (group.policy.archived, group.proposal) == (True, None)


def test_a_group_is_archived_once() -> None:
    given(*begun(), ARCHIVED).when(ARCHIVE).then()


@pytest.mark.parametrize("archived", [(), (ARCHIVED,)], ids=["in use", "archived"])
def test_deleting_leaves_nothing(archived: tuple[Message, ...]) -> None:
    waiting = invited(CYD), requested(EVE)
    group = given(*begun(OPEN, BOB), *waiting, *archived).when(DELETE).then(DELETED)
    assert not group.policy.exists
    assert not group.policy.members
    assert not group.invited | group.requested


def test_deleting_wants_the_name_that_was_opened() -> None:
    given(*begun()).when(replace(DELETE, name=OTHER_NAME)).raises("GRP-17")
    given(*begun(), RENAMED).when(DELETE).raises("GRP-17")
    given(*begun(), RENAMED).when(replace(DELETE, name=OTHER_NAME)).then(DELETED)


@pytest.mark.parametrize(
    ("past", "by", "refusal"),
    [
        ((), ADA, "ACC-01"),
        ((*begun(), DELETED), ADA, "ACC-01"),
        (begun(CONFIDENTIAL), EVE, "ACC-01"),
        (begun(OPEN), EVE, "ACC-02"),
        (begun(FINDABLE), EVE, "ACC-02"),
        (begun(OPEN, BOB), BOB, "ACC-06"),
        ((*begun(), guest(GUS)), GUS, "ACC-06"),
        ((*begun(), STEWARD), STE, "GRP-02"),
        (direct(), ADA, "GRP-01"),
    ],
    ids=["never was", "deleted", "stranger", "open", "findable", "member", "guest", "steward", "direct"],
)
@pytest.mark.parametrize("command", [RENAME, ARCHIVE, DELETE], ids=["rename", "archive", "delete"])
def test_only_moderators_decide_on_the_group(
    past: tuple[Message, ...], by: str, refusal: str, command: Rename | Archive | Delete
) -> None:
    given(*past).when(replace(command, by=by)).raises(refusal)


def test_an_archived_group_keeps_its_name() -> None:
    given(*begun(), ARCHIVED).when(RENAME).raises("GRP-03")


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ((), ()),
        (begun(), ()),
        ((*begun(), DELETED), (KEYS_DESTROYED,)),
        ((*begun(), DELETED, KEYS_DESTROYED), ()),
        ((*begun(), KeysDestroyed(group_id=GROUP, author_id=BOB), DELETED), (KEYS_DESTROYED,)),
    ],
    ids=["never was", "there", "deleted", "said already", "an author's only"],
)
def test_the_destruction_of_keys_is_said_once(past: tuple[Message, ...], expected: tuple[Message, ...]) -> None:
    given(*past).when(ConfirmKeysDestroyed()).then(*expected)


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (begun(), (KeysDestroyed(group_id=GROUP, author_id=BOB),)),
        ((*begun(), KeysDestroyed(group_id=GROUP, author_id=ADA)), (KeysDestroyed(group_id=GROUP, author_id=BOB),)),
        ((*begun(), KeysDestroyed(group_id=GROUP, author_id=BOB)), ()),
        ((*begun(), DELETED), ()),
    ],
    ids=["there", "another's", "said already", "deleted"],
)
def test_the_destruction_of_an_authors_keys_is_said_once(
    past: tuple[Message, ...], expected: tuple[Message, ...]
) -> None:
    given(*past).when(ConfirmKeysDestroyed(BOB)).then(*expected)
