"""How people come, change their role and go, a row per branch."""

from dataclasses import replace
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from regard.groups.v1.events_pb2 import (
    InvitationAccepted,
    InvitationDeclined,
    JoinApproved,
    JoinRefused,
    MemberLeft,
    MemberRemoved,
    MembershipExpired,
    ModeratorAppointed,
    ModeratorStoodDown,
    RulesAdopted,
    RulesRejected,
)
from regard.groups.v1.rules_pb2 import (
    INVITE_POLICY_MEMBERS,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_ON_REQUEST,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    Rules,
)

from services.groups.group.commands import (
    AcceptInvitation,
    AddGuest,
    Command,
    DeclineInvitation,
    Depart,
    Expire,
    Invite,
    Join,
    Leave,
    OpenDirect,
    Remove,
    SetModerator,
    SettleRequest,
)
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
    HIDDEN,
    NOW,
    OPEN,
    STE,
    STEWARD,
    TOMORROW,
    YESTERDAY,
    added,
    begun,
    given,
    guest,
    invited,
    proposed,
    requested,
    rules,
    voted,
)

Past = tuple[Message, ...]

MEMBERS_INVITE = rules(invite=INVITE_POLICY_MEMBERS)
ANYONE = rules(join=JOIN_POLICY_ANYONE)
ON_REQUEST = rules(join=JOIN_POLICY_ON_REQUEST)
GUESTS = rules(guests_allowed=True)
MODERATOR_BOB = added(BOB, MEMBER_ROLE_MODERATOR)
DIRECT: Past = given().when(OpenDirect(GROUP, (ADA, BOB), ADA)).events
VOTE: Past = (proposed(OPEN, 3), voted(ADA))
"""On a group with Ada, Bob and Cyd."""


def accepted(person: str) -> InvitationAccepted:
    return InvitationAccepted(group_id=GROUP, person_id=person)


def left(person: str) -> MemberLeft:
    return MemberLeft(group_id=GROUP, person_id=person)


def removed(person: str, by: str = ADA) -> MemberRemoved:
    return MemberRemoved(group_id=GROUP, person_id=person, removed_by=by)


def departed(person: str) -> MemberRemoved:
    reason = MemberRemoved.REASON_DEACTIVATED
    return MemberRemoved(group_id=GROUP, person_id=person, removed_by=ADA, reason=reason)


def expired(person: str) -> MembershipExpired:
    return MembershipExpired(group_id=GROUP, person_id=person)


def appointed(person: str, by: str = ADA) -> ModeratorAppointed:
    return ModeratorAppointed(group_id=GROUP, person_id=person, appointed_by=by)


def stood_down(person: str, by: str = ADA) -> ModeratorStoodDown:
    return ModeratorStoodDown(group_id=GROUP, person_id=person, decided_by=by)


def adopted(version: int = 2) -> RulesAdopted:
    return RulesAdopted(group_id=GROUP, version=version)


def rejected(version: int = 2) -> RulesRejected:
    return RulesRejected(group_id=GROUP, version=version)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (begun(), Invite(EVE, ADA, NOW), (invited(EVE),)),
        ((*begun(), STEWARD), Invite(EVE, STE, NOW), (invited(EVE, by=STE),)),
        (begun(MEMBERS_INVITE, BOB), Invite(EVE, BOB, NOW), (invited(EVE, by=BOB),)),
        ((*begun(), guest(GUS)), Invite(GUS, ADA, NOW), (invited(GUS),)),
        (begun(OPEN, BOB), Invite(BOB, ADA, NOW), ()),
        ((*begun(), invited(EVE)), Invite(EVE, ADA, NOW), ()),
    ],
    ids=["moderator", "steward", "member where members invite", "guest", "member already", "invited already"],
)
def test_inviting(past: Past, command: Command, expected: Past) -> None:
    given(*past).when(command).then(*expected)


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (begun(OPEN, BOB), Invite(EVE, BOB, NOW), "ACC-06"),
        ((*begun(MEMBERS_INVITE), guest(GUS)), Invite(EVE, GUS, NOW), "ACC-06"),
        (begun(MEMBERS_INVITE), Invite(CYD, EVE, NOW), "ACC-02"),
        (begun(CONFIDENTIAL), Invite(CYD, EVE, NOW), "ACC-01"),
        ((*begun(), STEWARD), Invite(STE, STE, NOW), "GRP-08"),
        ((*begun(), ARCHIVED), Invite(EVE, ADA, NOW), "GRP-03"),
        (DIRECT, Invite(EVE, ADA, NOW), "GRP-01"),
    ],
    ids=["member", "guest", "colleague", "stranger", "steward themselves", "archived", "direct"],
)
def test_inviting_is_refused(past: Past, command: Command, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


@pytest.mark.parametrize("of", [OPEN, HIDDEN, CONFIDENTIAL], ids=["open", "hidden", "confidential"])
@pytest.mark.parametrize("command", [AcceptInvitation(EVE, NOW), Join(EVE, NOW)], ids=["accept", "join"])
def test_an_invitation_lets_in_wherever_it_leads(of: Rules, command: Command) -> None:
    group = given(*begun(of), invited(EVE)).when(command).then(accepted(EVE), added(EVE, by=EVE))
    assert group.policy.members[EVE].role == MEMBER_ROLE_MEMBER
    assert not group.invited


def test_a_guest_who_accepts_becomes_a_member_without_end() -> None:
    group = given(*begun(), guest(GUS), invited(GUS)).when(AcceptInvitation(GUS, NOW)).state
    assert (group.policy.members[GUS].role, group.policy.members[GUS].until) == (MEMBER_ROLE_MEMBER, None)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (begun(OPEN, BOB), AcceptInvitation(BOB, NOW), ()),
        ((*begun(), invited(EVE)), DeclineInvitation(EVE, NOW), (InvitationDeclined(group_id=GROUP, person_id=EVE),)),
    ],
    ids=["accepted already", "declined"],
)
def test_answering_an_invitation(past: Past, command: Command, expected: Past) -> None:
    assert EVE not in given(*past).when(command).then(*expected).invited


DECLINED = InvitationDeclined(group_id=GROUP, person_id=EVE)


@pytest.mark.parametrize(
    ("past", "refusal"),
    [
        (begun(OPEN), "GRP-06"),
        (begun(FINDABLE), "GRP-06"),
        (begun(HIDDEN), "ACC-01"),
        (begun(CONFIDENTIAL), "ACC-01"),
        ((*begun(), invited(EVE), DECLINED), "GRP-06"),
        ((*begun(CONFIDENTIAL), invited(EVE), removed(EVE)), "ACC-01"),
        ((*begun(CONFIDENTIAL), invited(EVE), DELETED), "ACC-01"),
        ((), "ACC-01"),
    ],
    ids=["open", "findable", "hidden", "confidential", "declined", "taken back", "deleted", "never was"],
)
@pytest.mark.parametrize(
    "command", [AcceptInvitation(EVE, NOW), DeclineInvitation(EVE, NOW)], ids=["accept", "decline"]
)
def test_without_an_invitation_there_is_nothing_to_answer(past: Past, refusal: str, command: Command) -> None:
    given(*past).when(command).raises(refusal)


def test_an_archived_group_lets_nobody_in_and_lets_decline() -> None:
    past = *begun(), invited(EVE), ARCHIVED
    given(*past).when(AcceptInvitation(EVE, NOW)).raises("GRP-03")
    given(*past).when(DeclineInvitation(EVE, NOW)).then(DECLINED)


@pytest.mark.parametrize(
    ("past", "by", "expected"),
    [
        (begun(ANYONE), EVE, (added(EVE, by=EVE),)),
        ((*begun(ANYONE), guest(GUS)), GUS, (added(GUS, by=GUS),)),
        (begun(ANYONE, BOB), BOB, ()),
        (begun(ON_REQUEST), EVE, (requested(EVE),)),
        ((*begun(ON_REQUEST), requested(EVE)), EVE, ()),
    ],
    ids=["anyone", "guest", "member already", "on request", "asked already"],
)
def test_joining(past: Past, by: str, expected: Past) -> None:
    given(*past).when(Join(by, NOW)).then(*expected)


@pytest.mark.parametrize(
    ("past", "refusal"),
    [
        (begun(OPEN), "GRP-05"),
        (begun(CONFIDENTIAL), "ACC-01"),
        (begun(rules(CONFIDENTIAL.level, join=JOIN_POLICY_ANYONE, discoverable=True)), "ACC-01"),
        (begun(rules(HIDDEN.level, join=JOIN_POLICY_ANYONE)), "ACC-01"),
        ((*begun(ANYONE), ARCHIVED), "GRP-03"),
        (DIRECT, "ACC-01"),
        ((*begun(ANYONE), DELETED), "ACC-01"),
    ],
    ids=["by invitation", "confidential", "confidential all the same", "hidden", "archived", "direct", "deleted"],
)
def test_joining_is_refused(past: Past, refusal: str) -> None:
    given(*past).when(Join(EVE, NOW)).raises(refusal)


ASKED = *begun(ON_REQUEST), requested(EVE)
REFUSED_EVE = JoinRefused(group_id=GROUP, person_id=EVE, refused_by=ADA)
APPROVED_EVE = JoinApproved(group_id=GROUP, person_id=EVE, approved_by=ADA)


def test_a_request_is_approved() -> None:
    group = given(*ASKED).when(SettleRequest(EVE, True, ADA, NOW)).then(APPROVED_EVE, added(EVE))
    assert not group.requested


@pytest.mark.parametrize("archived", [(), (ARCHIVED,)], ids=["in use", "archived"])
def test_a_request_is_refused(archived: Past) -> None:
    assert not given(*ASKED, *archived).when(SettleRequest(EVE, False, ADA, NOW)).then(REFUSED_EVE).requested


@pytest.mark.parametrize("approve", [True, False], ids=["approved", "refused"])
def test_a_request_is_settled_once(approve: bool) -> None:
    once = given(*ASKED).when(SettleRequest(EVE, approve, ADA, NOW)).events
    given(*ASKED, *once).when(SettleRequest(EVE, approve, ADA, NOW)).then()


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (begun(), SettleRequest(EVE, True, ADA, NOW), "GRP-07"),
        ((*ASKED, REFUSED_EVE), SettleRequest(EVE, True, ADA, NOW), "GRP-07"),
        ((*ASKED, ARCHIVED), SettleRequest(EVE, True, ADA, NOW), "GRP-03"),
        ((*ASKED, added(BOB)), SettleRequest(EVE, True, BOB, NOW), "ACC-06"),
        (ASKED, SettleRequest(EVE, True, EVE, NOW), "ACC-02"),
        ((*ASKED, STEWARD, requested(STE)), SettleRequest(STE, True, STE, NOW), "GRP-08"),
        (DIRECT, SettleRequest(EVE, True, ADA, NOW), "GRP-01"),
    ],
    ids=["no request", "refused before", "archived", "member", "who asks", "steward themselves", "direct"],
)
def test_settling_is_refused(past: Past, command: Command, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


YEAR = timedelta(days=366)
STRANGE = AddGuest(GUS, TOMORROW, ADA, NOW)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (begun(GUESTS), STRANGE, (guest(GUS),)),
        (begun(GUESTS), replace(STRANGE, until=NOW + YEAR), (guest(GUS, NOW + YEAR),)),
        ((*begun(GUESTS), guest(GUS)), STRANGE, ()),
        ((*begun(GUESTS), guest(GUS, NOW + YEAR)), STRANGE, (guest(GUS),)),
        ((*begun(GUESTS), guest(GUS, YESTERDAY)), STRANGE, (guest(GUS),)),
        ((*begun(GUESTS), STEWARD), replace(STRANGE, by=STE), (guest(GUS, by=STE),)),
    ],
    ids=["tomorrow", "in a year", "as before", "sooner", "again", "by a steward"],
)
def test_a_guest_is_let_in_until_a_date(past: Past, command: Command, expected: Past) -> None:
    group = given(*past).when(command).then(*expected)
    assert group.policy.members[GUS].role == MEMBER_ROLE_GUEST


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (begun(), STRANGE, "GRP-09"),
        (begun(GUESTS), replace(STRANGE, until=NOW), "GRP-10"),
        (begun(GUESTS), replace(STRANGE, until=YESTERDAY), "GRP-10"),
        (begun(GUESTS), replace(STRANGE, until=NOW + YEAR + timedelta(seconds=1)), "GRP-10"),
        (begun(GUESTS, BOB), replace(STRANGE, person_id=BOB), "GRP-11"),
        ((*begun(GUESTS), STEWARD), replace(STRANGE, person_id=STE, by=STE), "GRP-08"),
        (begun(GUESTS, BOB), replace(STRANGE, by=BOB), "ACC-06"),
        ((*begun(GUESTS), guest(GUS)), replace(STRANGE, by=GUS, until=NOW + YEAR), "ACC-06"),
        ((*begun(GUESTS), ARCHIVED), STRANGE, "GRP-03"),
        (DIRECT, STRANGE, "GRP-01"),
    ],
    ids=["rules", "now", "past", "far", "member", "steward themselves", "by member", "by guest", "archived", "direct"],
)
def test_a_guest_is_not_let_in(past: Past, command: Command, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


@pytest.mark.parametrize(
    ("past", "by", "expected"),
    [
        (begun(OPEN, BOB), BOB, (left(BOB),)),
        ((*begun(OPEN, BOB), ARCHIVED), BOB, (left(BOB),)),
        ((*begun(), guest(GUS)), GUS, (left(GUS),)),
        ((*begun(), guest(GUS, YESTERDAY)), GUS, (left(GUS),)),
        ((*begun(), MODERATOR_BOB), ADA, (left(ADA),)),
        ((*begun(OPEN, BOB), left(BOB)), BOB, ()),
        ((*begun(CONFIDENTIAL, BOB, CYD), *VOTE), CYD, (left(CYD), rejected())),
        ((*begun(CONFIDENTIAL, BOB, CYD), proposed(OPEN, 2), voted(ADA)), CYD, (left(CYD),)),
    ],
    ids=["member", "archived", "guest", "guest too late", "one of two", "left before", "hopeless vote", "vote goes on"],
)
def test_leaving(past: Past, by: str, expected: Past) -> None:
    assert by not in given(*past).when(Leave(by, NOW)).then(*expected).policy.members


@pytest.mark.parametrize(
    ("past", "by", "refusal"),
    [
        (begun(OPEN, BOB), ADA, "GRP-04"),
        ((*begun(), ARCHIVED), ADA, "GRP-04"),
        (DIRECT, BOB, "GRP-01"),
        (begun(CONFIDENTIAL), EVE, "ACC-01"),
        ((*begun(OPEN, BOB), DELETED), BOB, "ACC-01"),
    ],
    ids=["last moderator", "archived", "direct", "stranger", "deleted"],
)
def test_leaving_is_refused(past: Past, by: str, refusal: str) -> None:
    given(*past).when(Leave(by, NOW)).raises(refusal)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (begun(OPEN, BOB), Remove(BOB, ADA, NOW), (removed(BOB),)),
        ((*begun(OPEN, BOB), ARCHIVED), Remove(BOB, ADA, NOW), (removed(BOB),)),
        ((*begun(OPEN, BOB), STEWARD), Remove(BOB, STE, NOW), (removed(BOB, by=STE),)),
        ((*begun(), MODERATOR_BOB), Remove(BOB, ADA, NOW), (removed(BOB),)),
        ((*begun(), invited(EVE)), Remove(EVE, ADA, NOW), (removed(EVE),)),
        (ASKED, Remove(EVE, ADA, NOW), (removed(EVE),)),
        (begun(), Remove(EVE, ADA, NOW), ()),
        ((*begun(CONFIDENTIAL, BOB, CYD), *VOTE), Remove(CYD, ADA, NOW), (removed(CYD), rejected())),
    ],
    ids=["member", "archived", "by a steward", "one of two", "invited", "asking", "nobody", "hopeless vote"],
)
def test_removing(past: Past, command: Remove, expected: Past) -> None:
    group = given(*past).when(command).then(*expected)
    assert command.person_id not in {*group.policy.members, *group.invited, *group.requested}


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (begun(OPEN, BOB), Remove(ADA, ADA, NOW), "GRP-04"),
        ((*begun(), STEWARD), Remove(ADA, STE, NOW), "GRP-04"),
        (begun(OPEN, BOB, CYD), Remove(CYD, BOB, NOW), "ACC-06"),
        (begun(CONFIDENTIAL, BOB), Remove(BOB, EVE, NOW), "ACC-01"),
        (DIRECT, Remove(BOB, ADA, NOW), "GRP-01"),
    ],
    ids=["last moderator", "last moderator by a steward", "by a member", "by a stranger", "direct"],
)
def test_removing_is_refused(past: Past, command: Command, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (begun(OPEN, BOB), SetModerator(BOB, True, ADA, NOW), (appointed(BOB),)),
        ((*begun(OPEN, BOB), ARCHIVED), SetModerator(BOB, True, ADA, NOW), (appointed(BOB),)),
        ((*begun(), MODERATOR_BOB), SetModerator(BOB, True, ADA, NOW), ()),
        ((*begun(), MODERATOR_BOB), SetModerator(BOB, False, ADA, NOW), (stood_down(BOB),)),
        ((*begun(), MODERATOR_BOB), SetModerator(ADA, False, ADA, NOW), (stood_down(ADA),)),
        (begun(OPEN, BOB), SetModerator(BOB, False, ADA, NOW), ()),
        (begun(), SetModerator(EVE, False, ADA, NOW), ()),
    ],
    ids=["appointed", "archived", "already", "stood down", "stands down", "never was", "nobody"],
)
def test_moderating(past: Past, command: SetModerator, expected: Past) -> None:
    members = given(*past).when(command).then(*expected).policy.members
    role = members[command.person_id].role if command.person_id in members else None
    assert (role == MEMBER_ROLE_MODERATOR) == command.moderator


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (begun(OPEN, BOB), SetModerator(ADA, False, ADA, NOW), "GRP-04"),
        (begun(), SetModerator(EVE, True, ADA, NOW), "GRP-12"),
        ((*begun(), guest(GUS)), SetModerator(GUS, True, ADA, NOW), "GRP-12"),
        ((*begun(), STEWARD), SetModerator(STE, True, STE, NOW), "GRP-12"),
        (begun(OPEN, BOB), SetModerator(BOB, True, BOB, NOW), "ACC-06"),
        (DIRECT, SetModerator(BOB, True, ADA, NOW), "GRP-01"),
    ],
    ids=["last", "nobody", "guest", "steward themselves", "member themselves", "direct"],
)
def test_moderating_is_refused(past: Past, command: Command, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


@pytest.mark.parametrize(
    ("past", "person", "expected"),
    [
        ((*begun(), guest(GUS, NOW)), GUS, (expired(GUS),)),
        ((*begun(), guest(GUS, YESTERDAY)), GUS, (expired(GUS),)),
        ((*begun(), guest(GUS, NOW + timedelta(microseconds=1))), GUS, ()),
        ((*begun(), guest(GUS, YESTERDAY), guest(GUS, TOMORROW)), GUS, ()),
        ((*begun(), guest(GUS, YESTERDAY), expired(GUS)), GUS, ()),
        (begun(OPEN, BOB), BOB, ()),
        ((*begun(), guest(GUS, YESTERDAY), DELETED), GUS, ()),
    ],
    ids=["to the moment", "late", "a moment before", "put off", "once", "member", "deleted"],
)
def test_a_guest_goes_when_the_time_is_over(past: Past, person: str, expected: Past) -> None:
    given(*past).when(Expire(person, NOW)).then(*expected)


@pytest.mark.parametrize(
    ("past", "person", "expected"),
    [
        (begun(OPEN, BOB), BOB, (departed(BOB),)),
        ((*begun(), MODERATOR_BOB), ADA, (departed(ADA),)),
        (begun(OPEN, CYD, BOB), ADA, (appointed(CYD), departed(ADA))),
        (begun(), ADA, (ARCHIVED, departed(ADA))),
        ((*begun(), guest(GUS), STEWARD), ADA, (ARCHIVED, departed(ADA))),
        ((*begun(), ARCHIVED), ADA, (departed(ADA),)),
        ((*begun(OPEN, BOB), removed(BOB)), BOB, ()),
        ((*begun(CONFIDENTIAL, BOB, CYD), *VOTE), CYD, (departed(CYD), rejected())),
        (DIRECT, BOB, ()),
    ],
    ids=["member", "one of two", "successor", "nobody left", "no successor", "archived", "once", "vote", "direct"],
)
def test_whoever_leaves_the_company_leaves_its_groups(past: Past, person: str, expected: Past) -> None:
    given(*past).when(Depart(person, ADA)).then(*expected)


def test_coming_back_after_leaving_is_a_new_arrival() -> None:
    group = given(*begun(ANYONE, BOB), left(BOB)).when(Join(BOB, NOW)).state
    assert BOB not in group.former
