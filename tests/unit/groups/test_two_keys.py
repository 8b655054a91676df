"""Break-glass takes two people with two roles, for a week at most; and what a group makes of it."""

from datetime import datetime, timedelta

import pytest
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, PURPOSE_SECURITY_INCIDENT
from regard.common.v1.options_pb2 import (
    ROLE_AUDITOR,
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_SECURITY_OFFICER,
    ROLE_STAFF_REPRESENTATIVE,
)
from regard.groups.v1.events_pb2 import (
    BreakGlassApproved,
    BreakGlassClosed,
    BreakGlassDisclosed,
    BreakGlassEnded,
    BreakGlassOpened,
    BreakGlassRefused,
    BreakGlassRequested,
    RulesAdopted,
    RulesProposed,
)
from regard.groups.v1.rules_pb2 import BREAK_GLASS_TWO_KEYS

from services.groups import two_keys
from services.groups.group import commands as ask
from services.groups.two_keys import Approve, Disclose, End, Refuse, Request
from tests.given import examples
from tests.unit.groups.past import (
    ADA,
    BOB,
    CONFIDENTIAL,
    DELETED,
    EVE,
    GROUP,
    NOW,
    TOMORROW,
    begun,
    given,
    rules,
    timestamp,
)

case = examples(two_keys.DECIDER)
TWO_KEYS = rules(LEVEL_CONFIDENTIAL, break_glass=BREAK_GLASS_TWO_KEYS)
OFFICER, DPO = (ROLE_SECURITY_OFFICER,), (ROLE_DATA_PROTECTION_OFFICER,)
WEEK = timedelta(days=7)
LATER = NOW + timedelta(days=90)


def asked(
    ends_at: datetime = TOMORROW, disclose_at: datetime | None = None, delay_reason: str = ""
) -> BreakGlassRequested:
    return BreakGlassRequested(
        break_glass_id="b",
        group_id=GROUP,
        requested_by=EVE,
        role=ROLE_SECURITY_OFFICER,
        reason=PURPOSE_SECURITY_INCIDENT,
        reference="case 7",
        ends_at=timestamp(ends_at),
        disclose_at=timestamp(disclose_at) if disclose_at else None,
        delay_reason=delay_reason,
    )


APPROVED = BreakGlassApproved(break_glass_id="b", approved_by=BOB, role=ROLE_DATA_PROTECTION_OFFICER)
REFUSED = BreakGlassRefused(break_glass_id="b", refused_by=BOB)
ENDED = BreakGlassEnded(break_glass_id="b", ended_by=BOB)
OPENED = BreakGlassOpened(
    group_id=GROUP,
    break_glass_id="b",
    reader_id=EVE,
    reader_role=ROLE_SECURITY_OFFICER,
    approved_by=BOB,
    approver_role=ROLE_DATA_PROTECTION_OFFICER,
    ends_at=timestamp(TOMORROW),
)
CLOSED = BreakGlassClosed(group_id=GROUP, break_glass_id="b", closed_by=BOB)


@pytest.mark.parametrize(("ends_at", "id"), [(NOW, "GRP-23"), (NOW + WEEK + timedelta(seconds=1), "GRP-23")])
def test_it_ends_within_a_week(ends_at: datetime, id: str) -> None:
    case().when(Request(asked(ends_at), NOW)).raises(id)


@pytest.mark.parametrize("disclose_at", [TOMORROW, LATER])
def test_members_are_told_later_for_a_reason(disclose_at: datetime) -> None:
    request = asked(TOMORROW, disclose_at, "an inquiry")
    case().when(Request(request, NOW)).then(request)


@pytest.mark.parametrize(
    ("disclose_at", "why"),
    [
        (TOMORROW - timedelta(seconds=1), "an inquiry"),
        (LATER + timedelta(seconds=1), "an inquiry"),
        (LATER, ""),
        (None, "an inquiry"),
    ],
)
def test_not_before_the_end_nor_after_90_days_nor_for_no_reason(disclose_at: datetime | None, why: str) -> None:
    case().when(Request(asked(TOMORROW, disclose_at, why), NOW)).raises("GRP-29")


@pytest.mark.parametrize("named", [None, LATER - timedelta(microseconds=1)])
def test_nobody_approves_another_date_than_was_asked_for(named: datetime | None) -> None:
    later = asked(TOMORROW, LATER, "an inquiry")
    case(later).when(Approve(BOB, DPO, NOW, named)).raises("GRP-30")
    case(asked()).when(Approve(BOB, DPO, NOW, LATER)).raises("GRP-30")
    case(later).when(Approve(BOB, DPO, NOW, LATER)).then(APPROVED)


def test_members_are_told_once_on_the_date_and_not_before() -> None:
    later, told = asked(TOMORROW, LATER, "an inquiry"), BreakGlassDisclosed(break_glass_id="b", group_id=GROUP)
    case(later, APPROVED, ENDED).when(Disclose(LATER)).then(told)
    case(later, APPROVED, ENDED, told).when(Disclose(LATER)).then()
    case(later, APPROVED, ENDED).when(Disclose(LATER - timedelta(microseconds=1))).raises("GRP-25")
    for past in ((later, APPROVED), (later, REFUSED), (later,), (asked(), APPROVED, ENDED)):
        case(*past).when(Disclose(LATER)).raises("GRP-25")


def test_what_is_asked_twice_is_asked_once() -> None:
    case().when(Request(asked(NOW + WEEK), NOW)).then(asked(NOW + WEEK))
    case(asked()).when(Request(asked(), NOW)).then()


def test_a_second_person_with_another_role_approves() -> None:
    case(asked()).when(Approve(BOB, {*OFFICER, *DPO}, NOW)).then(APPROVED)
    case(asked(), APPROVED).when(Approve(BOB, DPO, NOW)).then()


@pytest.mark.parametrize(
    ("by", "roles"), [(EVE, OFFICER), (EVE, (*OFFICER, *DPO)), (BOB, OFFICER), (BOB, (ROLE_AUDITOR,)), (BOB, ())]
)
def test_one_person_or_one_role_is_not_enough(by: str, roles: tuple[int, ...]) -> None:
    case(asked()).when(Approve(by, roles, NOW)).raises("GRP-26")


@pytest.mark.parametrize(
    ("past", "command"),
    [
        ((asked(),), Approve(BOB, DPO, TOMORROW)),
        ((asked(), REFUSED), Approve(BOB, DPO, NOW)),
        ((asked(), APPROVED, ENDED), Approve(BOB, DPO, NOW)),
        ((asked(), APPROVED), Approve(ADA, (ROLE_STAFF_REPRESENTATIVE,), NOW)),
        ((asked(), APPROVED), Refuse(ADA)),
        ((asked(),), End(ADA)),
        ((asked(), REFUSED), End(ADA)),
    ],
)
def test_what_is_settled_stays_so(past: tuple[Message, ...], command: two_keys.Command) -> None:
    case(*past).when(command).raises("GRP-25")


def test_it_is_refused_or_ended_once() -> None:
    case(asked()).when(Refuse(BOB)).then(REFUSED)
    case(asked(), REFUSED).when(Refuse(ADA)).then()
    case(asked(), APPROVED).when(End(BOB)).then(ENDED)
    case(asked(), APPROVED, ENDED).when(End(ADA)).then()


@pytest.mark.parametrize("command", [Approve(BOB, DPO, NOW), Refuse(BOB), End(BOB)])
def test_an_id_that_is_none_is_unknown(command: two_keys.Command) -> None:
    case().when(command).raises("GRP-24")


# The group's own part


def test_a_group_opens_once_and_what_was_closed_stays_closed() -> None:
    opening = ask.OpenGlass(OPENED, NOW)
    given(*begun(TWO_KEYS)).when(opening).then(OPENED)
    given(*begun(TWO_KEYS), OPENED).when(opening).then()
    given(*begun(TWO_KEYS), OPENED, CLOSED).when(opening).then()
    given(*begun(TWO_KEYS), CLOSED).when(opening).then()


@pytest.mark.parametrize(
    ("past", "id"),
    [
        ((), "GRP-27"),
        (begun(CONFIDENTIAL), "GRP-27"),
        ((*begun(TWO_KEYS), DELETED), "GRP-27"),
        (begun(TWO_KEYS, EVE), "GRP-28"),
        ((*begun(TWO_KEYS), BreakGlassOpened(break_glass_id="c", reader_id=EVE, reader_role=ROLE_SECURITY_OFFICER,
                                             ends_at=timestamp(TOMORROW))), "GRP-28"),
    ],
)  # fmt: skip
def test_rules_decide_whether_it_opens(past: tuple[Message, ...], id: str) -> None:
    given(*past).when(ask.OpenGlass(OPENED, NOW)).raises(id)


def test_it_does_not_open_after_its_end() -> None:
    given(*begun(TWO_KEYS)).when(ask.OpenGlass(OPENED, TOMORROW)).raises("GRP-25")


def test_a_group_closes_what_is_open_and_what_never_opened() -> None:
    closing = ask.CloseGlass("b", BOB)
    for past in (begun(TWO_KEYS), (*begun(TWO_KEYS), OPENED)):
        given(*past).when(closing).then(CLOSED)
    for past in ((), (*begun(TWO_KEYS), OPENED, CLOSED), (*begun(TWO_KEYS), OPENED, DELETED)):
        given(*past).when(closing).then()


def test_new_rules_that_allow_none_end_it_for_good() -> None:
    never = ask.ProposeRules(CONFIDENTIAL, ADA, NOW)
    group = given(*begun(TWO_KEYS), OPENED).when(never).then(
        RulesProposed(group_id=GROUP, version=2, rules=CONFIDENTIAL, proposed_by=ADA),
        RulesAdopted(group_id=GROUP, version=2),
        BreakGlassClosed(group_id=GROUP, break_glass_id="b", closed_by="rules"),
    )  # fmt: skip
    assert not group.policy.opened
