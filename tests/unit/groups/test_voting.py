"""How rules change, a row per branch."""

from dataclasses import replace
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED
from regard.groups.v1.events_pb2 import MemberLeft, RulesAdopted, RulesProposed, RulesRejected
from regard.groups.v1.rules_pb2 import BREAK_GLASS_TWO_KEYS, Rules

from services.groups.group.commands import CloseVote, OpenDirect, ProposeRules, Vote
from services.groups.group.voting import needs_consent
from tests.unit.groups.past import (
    ADA,
    ARCHIVED,
    BOB,
    CONFIDENTIAL,
    CYD,
    DELETED,
    EVE,
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
    proposed,
    rules,
    voted,
)

Past = tuple[Message, ...]

IN_A_WEEK = NOW + timedelta(days=7)
PROPOSE = ProposeRules(OPEN, ADA, NOW)
ADOPTED = RulesAdopted(group_id=GROUP, version=2)
REJECTED = RulesRejected(group_id=GROUP, version=2)
THREE = begun(CONFIDENTIAL, BOB, CYD)
DIRECT: Past = given().when(OpenDirect(GROUP, (ADA, BOB), ADA)).events


def at_once(of: Rules) -> RulesProposed:
    return RulesProposed(group_id=GROUP, version=2, rules=of, proposed_by=ADA)


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [
        (OPEN, CONFIDENTIAL, False),
        (CONFIDENTIAL, OPEN, True),
        (CONFIDENTIAL, HIDDEN, True),
        (HIDDEN, OPEN, True),
        (HIDDEN, rules(LEVEL_RESTRICTED, retention_days=30), False),
        (CONFIDENTIAL, rules(LEVEL_CONFIDENTIAL, break_glass=BREAK_GLASS_TWO_KEYS), True),
        (OPEN, rules(break_glass=BREAK_GLASS_TWO_KEYS), False),
        (HIDDEN, rules(LEVEL_RESTRICTED, consent_quorum_percent=50), True),
        (rules(LEVEL_RESTRICTED, consent_quorum_percent=50), HIDDEN, False),
        (OPEN, rules(consent_quorum_percent=50), False),
        (rules(consent_quorum_percent=50), rules(LEVEL_CONFIDENTIAL), False),
    ],
)
def test_consent_is_needed_wherever_protection_is_lost(before: Rules, after: Rules, needed: bool) -> None:
    assert needs_consent(before, after) is needed


def test_closer_rules_are_in_force_at_once() -> None:
    group = given(*begun(OPEN, BOB)).when(replace(PROPOSE, rules=CONFIDENTIAL)).then(at_once(CONFIDENTIAL), ADOPTED)
    assert (group.policy.level, group.policy.rules_version) == (LEVEL_CONFIDENTIAL, 2)


def test_the_same_rules_are_no_change() -> None:
    given(*THREE).when(replace(PROPOSE, rules=CONFIDENTIAL)).then()


def test_lowering_the_level_waits_for_the_members() -> None:
    group = given(*THREE).when(PROPOSE).then(proposed(OPEN, 3, closes_at=IN_A_WEEK), voted(ADA))
    assert group.policy.level == LEVEL_CONFIDENTIAL
    assert group.proposal
    assert group.proposal.electorate == {ADA, BOB, CYD}
    assert group.proposal.agreed == {ADA}


def test_alone_one_decides_at_once() -> None:
    first, second, third = given(*begun(CONFIDENTIAL)).when(PROPOSE).events
    assert (first, second, third) == (proposed(OPEN, 1, closes_at=IN_A_WEEK), voted(ADA), ADOPTED)


@pytest.mark.parametrize(
    ("members", "percent", "needed"),
    [(2, 50, 1), (3, 50, 2), (3, 67, 3), (3, 66, 2), (4, 75, 3), (5, 0, 5), (4, 51, 3)],
)
def test_the_share_of_members_is_rounded_up(members: int, percent: int, needed: int) -> None:
    of = rules(LEVEL_CONFIDENTIAL, consent_quorum_percent=percent)
    others = [f"member {number}" for number in range(members - 1)]
    first = given(*begun(of, *others)).when(PROPOSE).events[0]
    assert isinstance(first, RulesProposed)
    assert first.needed == needed


def test_guests_and_stewards_are_not_asked() -> None:
    first = given(*THREE, guest(GUS), STEWARD).when(PROPOSE).events[0]
    assert isinstance(first, RulesProposed)
    assert first.needed == 3


def test_the_vote_stays_open_as_long_as_the_rules_say() -> None:
    of = rules(LEVEL_CONFIDENTIAL, consent_period_days=30)
    first = given(*begun(of, BOB)).when(PROPOSE).events[0]
    assert first == proposed(OPEN, 2, closes_at=NOW + timedelta(days=30))


def test_a_vote_that_ended_makes_way_for_the_next() -> None:
    past = *THREE, proposed(OPEN, 3, closes_at=NOW), voted(ADA)
    third = proposed(HIDDEN, 3, version=3, closes_at=IN_A_WEEK)
    group = given(*past).when(replace(PROPOSE, rules=HIDDEN)).then(REJECTED, third, voted(ADA, version=3))
    assert group.last_version == 3


def test_a_vote_that_ended_is_rejected_even_if_nothing_new_is_proposed() -> None:
    past = *THREE, proposed(OPEN, 3, closes_at=NOW)
    given(*past).when(replace(PROPOSE, rules=CONFIDENTIAL)).then(REJECTED)


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        ((*THREE, proposed(OPEN, 3)), PROPOSE, "GRP-13"),
        ((*THREE, proposed(OPEN, 3)), replace(PROPOSE, rules=CONFIDENTIAL), "GRP-13"),
        (THREE, replace(PROPOSE, rules=rules(consent_quorum_percent=49)), "GRP-16"),
        (THREE, replace(PROPOSE, by=BOB), "ACC-06"),
        ((*THREE, STEWARD), replace(PROPOSE, by=STE), "GRP-02"),
        (THREE, replace(PROPOSE, by=EVE), "ACC-01"),
        ((*THREE, ARCHIVED), PROPOSE, "GRP-03"),
        ((*THREE, DELETED), PROPOSE, "ACC-01"),
        (DIRECT, PROPOSE, "GRP-01"),
    ],
    ids=["open vote", "open vote, as is", "consent", "member", "steward", "stranger", "archived", "deleted", "direct"],
)
def test_proposing_is_refused(past: Past, command: ProposeRules, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


VOTING = *THREE, proposed(OPEN, 2), voted(ADA)
AGREE, DISAGREE = Vote(2, True, BOB, NOW), Vote(2, False, BOB, NOW)


@pytest.mark.parametrize(
    ("past", "command", "expected"),
    [
        (VOTING, AGREE, (voted(BOB), ADOPTED)),
        (VOTING, DISAGREE, (voted(BOB, agrees=False),)),
        ((*VOTING, voted(BOB, agrees=False)), DISAGREE, ()),
        (VOTING, replace(AGREE, by=ADA), ()),
        ((*VOTING, voted(BOB, agrees=False)), AGREE, (voted(BOB), ADOPTED)),
        ((*VOTING, voted(BOB, agrees=False)), replace(DISAGREE, by=CYD), (voted(CYD, agrees=False), REJECTED)),
        (VOTING, replace(DISAGREE, by=ADA), (voted(ADA, agrees=False),)),
        ((*THREE, proposed(OPEN, 3), voted(ADA)), DISAGREE, (voted(BOB, agrees=False), REJECTED)),
        ((*THREE, proposed(OPEN, 3), voted(ADA)), AGREE, (voted(BOB),)),
    ],
    ids=[
        "enough",
        "against",
        "twice",
        "proposer twice",
        "change of mind",
        "hopeless",
        "proposer",
        "all",
        "one missing",
    ],
)
def test_voting(past: Past, command: Vote, expected: Past) -> None:
    given(*past).when(command).then(*expected)


def test_agreed_rules_are_in_force() -> None:
    group = given(*VOTING).when(AGREE).state
    assert (group.policy.level, group.policy.rules_version, group.proposal) == (LEVEL_OPEN, 2, None)


@pytest.mark.parametrize("settled", [ADOPTED, REJECTED], ids=["adopted", "rejected"])
def test_a_settled_vote_is_over(settled: Message) -> None:
    given(*VOTING, settled).when(AGREE).raises("GRP-14")


@pytest.mark.parametrize(
    ("past", "command", "refusal"),
    [
        (THREE, AGREE, "GRP-14"),
        (VOTING, replace(AGREE, version=3), "GRP-14"),
        ((*THREE, proposed(OPEN, 2, closes_at=NOW)), AGREE, "GRP-14"),
        ((*VOTING, added(EVE)), replace(AGREE, by=EVE), "GRP-15"),
        ((*THREE, guest(GUS), proposed(OPEN, 2)), replace(AGREE, by=GUS), "GRP-15"),
        (VOTING, replace(AGREE, by=EVE), "ACC-01"),
        ((*VOTING, DELETED), AGREE, "ACC-01"),
    ],
    ids=["no vote", "other version", "too late", "came later", "guest", "stranger", "deleted"],
)
def test_voting_is_refused(past: Past, command: Vote, refusal: str) -> None:
    given(*past).when(command).raises(refusal)


def test_whoever_left_and_came_back_has_no_voice() -> None:
    back = MemberLeft(group_id=GROUP, person_id=BOB), added(BOB)
    given(*VOTING, *back).when(AGREE).raises("GRP-15")


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ((*THREE, proposed(OPEN, 3, closes_at=NOW)), (REJECTED,)),
        ((*THREE, proposed(OPEN, 3, closes_at=YESTERDAY)), (REJECTED,)),
        ((*THREE, proposed(OPEN, 3, closes_at=TOMORROW)), ()),
        ((*THREE, proposed(OPEN, 3, closes_at=NOW), REJECTED), ()),
        (THREE, ()),
    ],
    ids=["to the moment", "late", "early", "once", "no vote"],
)
def test_a_vote_closes(past: Past, expected: Past) -> None:
    given(*past).when(CloseVote(NOW)).then(*expected)
