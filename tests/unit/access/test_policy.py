"""What is shown is what is enforced, for every rule, role, level and moment; and what no rule may ever give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regard.audit.v1.events_pb2 import READER_KIND_COLLEAGUE, READER_KIND_MEMBER
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Level
from regard.common.v1.options_pb2 import ROLE_AUDITOR, ROLE_PLATFORM_ADMINISTRATOR, Role
from regard.groups.v1 import events_pb2 as events
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_DIRECT,
    GROUP_KIND_WORKING,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_STEWARD,
    PAST_VISIBILITY_FROM_JOINING,
    GroupKind,
    MemberRole,
    PastVisibility,
    Rules,
)

from services.access import (
    Action,
    Allowed,
    Denied,
    GroupPolicy,
    Membership,
    PanelLine,
    fold,
    must_record,
    panel,
    verdict,
)
from services.access.rules import RULES, Belonging, Everyone, Holding, Outside, Right

T0 = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = ("awa", "ben", "chloé", "dmitri", "eve")
OPERATOR = "operator"

moments = st.integers(-3, 3).map(lambda hours: T0 + hours * HOUR)
memberships = st.builds(
    Membership, st.sampled_from([one for one in MemberRole.values() if one]), moments, st.none() | moments
)
rules = st.builds(
    Rules,
    level=st.sampled_from(Level.values()),
    past=st.sampled_from(PastVisibility.values()),
    discoverable=st.booleans(),
)
policies = st.builds(
    GroupPolicy,
    group_id=st.sampled_from(["", "g"]),
    kind=st.sampled_from(GroupKind.values()),
    rules=rules,
    rules_version=st.integers(1, 3),
    members=st.dictionaries(st.sampled_from(PEOPLE), memberships).map(MappingProxyType),
    archived=st.booleans(),
    deleted=st.booleans(),
)
roles = st.frozensets(st.sampled_from([one for one in Role.values() if one]))
people = st.sampled_from((*PEOPLE, "nobody"))
content = st.sampled_from([action for action in Action if action.right is Right.CONTENT])


def lines_about(lines: tuple[PanelLine, ...], person: str, org_roles: frozenset[int]) -> list[PanelLine]:
    """The lines that somebody with these roles finds themselves in."""
    capacities = {"colleague"}
    if ROLE_AUDITOR in org_roles:
        capacities.add("auditor")
    if ROLE_PLATFORM_ADMINISTRATOR in org_roles:
        capacities.add("administrator")
    return [line for line in lines if line.person_id == person or (not line.person_id and line.capacity in capacities)]


@given(policies, people, roles, content, moments)
def test_whoever_may_read_is_in_the_panel_and_the_other_way_round(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], action: Action, at: datetime
) -> None:
    found = verdict(policy, person, org_roles, action, at)
    lines = [line for line in lines_about(panel(policy, at), person, org_roles) if line.reads_content]
    assert isinstance(found, Allowed) == bool(lines)
    if isinstance(found, Allowed):
        line = next(line for line in lines if line.rule == found.rule)
        assert (line.since, line.until) == (found.since, found.until)
        assert line.recorded == must_record(policy, found.capacity, Action.READ)


@given(policies, people, roles, moments)
def test_ledger_writing_and_managing_are_shown_as_they_are_enforced(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], at: datetime
) -> None:
    def may(action: Action) -> bool:
        return isinstance(verdict(policy, person, org_roles, action, at), Allowed)

    lines = lines_about(panel(policy, at), person, org_roles)
    assert (may(Action.READ_LEDGER) or may(Action.SEARCH_LEDGER)) == any(line.reads_ledger for line in lines)
    assert may(Action.WRITE) == any(line.writes for line in lines)
    assert may(Action.MANAGE) == any(line.manages for line in lines)
    if may(Action.IMPORT):
        assert any(line.capacity == "administrator" for line in lines)


SITUATIONS: Mapping[str, GroupPolicy] = {
    rule.id: GroupPolicy(
        "g",
        GROUP_KIND_WORKING,
        Rules(level=LEVEL_OPEN if rule.id == "SEE-05" else LEVEL_RESTRICTED, discoverable=True),
        1,
        MappingProxyType(
            {"awa": Membership(rule.whom.role, T0, T0 + HOUR if rule.whom.role == MEMBER_ROLE_GUEST else None)}
            if isinstance(rule.whom, Belonging)
            else {}
        ),
    )
    for rule in RULES
}
TAKEN_BY = {right: next(action for action in Action if action.right is right) for right in Right}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_in_the_panel_and_in_the_verdict(rule) -> None:  # type: ignore[no-untyped-def]
    policy = SITUATIONS[rule.id]
    (line,) = [line for line in panel(policy, T0) if line.rule == rule.id]
    assert line.en == rule.en
    assert line.fr == rule.fr
    assert line.reads_content == (Right.CONTENT in rule.gives)
    match rule.whom:
        case Outside():
            assert (line.capacity, line.recorded) == (OPERATOR, False)
            return
        case Holding(role=role):
            person, org_roles = "eve", frozenset({role})
        case Belonging():
            person, org_roles = "awa", frozenset()
        case Everyone():
            person, org_roles = "eve", frozenset()
    for right in rule.gives:
        found = verdict(policy, person, org_roles, TAKEN_BY[right], T0)
        assert isinstance(found, Allowed)
        assert found.capacity == rule.capacity


def test_rules_have_stable_ids_and_both_languages() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.en != rule.fr for rule in RULES)


@given(policies, people, roles, content, moments)
def test_stewards_administrators_and_auditors_never_read_by_that_alone(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], action: Action, at: datetime
) -> None:
    found = verdict(policy, person, org_roles, action, at)
    if not isinstance(found, Allowed):
        return
    membership = policy.members.get(person)
    reading = membership is not None and membership.lasts(at) and membership.role != MEMBER_ROLE_STEWARD
    if not reading or found.capacity == READER_KIND_COLLEAGUE:
        assert policy.level == LEVEL_OPEN
        assert found.readable_levels == {LEVEL_OPEN}


@given(policies, people, roles, st.sampled_from(Action), moments)
def test_nothing_is_left_of_a_group_that_is_deleted_or_was_never_made(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], action: Action, at: datetime
) -> None:
    if policy.deleted or not policy.group_id:
        assert panel(policy, at) == ()
        refused = verdict(policy, person, org_roles, action, at)
        assert isinstance(refused, Denied)
        assert refused.refusal.id == "ACC-01"


@given(policies, people, roles, moments)
def test_archived_groups_take_nothing_in(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], at: datetime
) -> None:
    if policy.archived:
        for action in (Action.WRITE, Action.IMPORT):
            assert isinstance(verdict(policy, person, org_roles, action, at), Denied)


@given(policies, people, roles, moments)
def test_a_direct_conversation_is_for_its_members_only(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], at: datetime
) -> None:
    if policy.kind != GROUP_KIND_DIRECT:
        return
    assert policy.level == LEVEL_CONFIDENTIAL
    for action in Action:
        found = verdict(policy, person, org_roles, action, at)
        if isinstance(found, Allowed) and action is not Action.IMPORT:
            assert policy.members[person].role == MEMBER_ROLE_MEMBER
            assert action is not Action.MANAGE


def group(level: Level, **members: Membership) -> GroupPolicy:
    return GroupPolicy("g", GROUP_KIND_WORKING, Rules(level=level), 1, MappingProxyType(members))


def test_a_guest_ends_exactly_at_their_date() -> None:
    policy = group(LEVEL_CONFIDENTIAL, awa=Membership(MEMBER_ROLE_GUEST, T0, T0 + HOUR))
    instant = timedelta(microseconds=1)
    assert isinstance(verdict(policy, "awa", (), Action.READ, T0 + HOUR - instant), Allowed)
    ended = verdict(policy, "awa", (), Action.READ, T0 + HOUR)
    assert isinstance(ended, Denied)
    assert ended.refusal.id == "ACC-05"
    assert not [line for line in panel(policy, T0 + HOUR) if line.person_id]


def test_a_guest_without_a_date_is_none() -> None:
    policy = group(LEVEL_CONFIDENTIAL, awa=Membership(MEMBER_ROLE_GUEST, T0, None))
    assert isinstance(verdict(policy, "awa", (), Action.READ, T0), Denied)


def test_what_was_confidential_stays_so_when_the_group_is_opened() -> None:
    opened = group(LEVEL_OPEN, awa=Membership(MEMBER_ROLE_MEMBER, T0))
    member, colleague = (verdict(opened, who, (), Action.READ, T0) for who in ("awa", "eve"))
    assert isinstance(member, Allowed)
    assert isinstance(colleague, Allowed)
    assert LEVEL_CONFIDENTIAL in member.readable_levels
    assert colleague.readable_levels == {LEVEL_OPEN}
    assert not must_record(opened, READER_KIND_MEMBER, Action.READ, {LEVEL_OPEN})
    assert must_record(opened, READER_KIND_MEMBER, Action.READ, {LEVEL_OPEN, LEVEL_CONFIDENTIAL})


def test_newcomers_see_what_the_rules_say() -> None:
    policy = group(LEVEL_CONFIDENTIAL, awa=Membership(MEMBER_ROLE_MEMBER, T0))
    policy.rules.past = PAST_VISIBILITY_FROM_JOINING
    found = verdict(policy, "awa", (), Action.READ, T0)
    assert isinstance(found, Allowed)
    assert found.since == T0


@pytest.mark.parametrize(
    ("level", "discoverable", "id"),
    [
        (LEVEL_CONFIDENTIAL, True, "ACC-01"),
        (LEVEL_RESTRICTED, False, "ACC-01"),
        (LEVEL_RESTRICTED, True, "ACC-02"),
    ],
)
def test_who_may_not_find_a_group_is_not_told_that_it_exists(level: Level, discoverable: bool, id: str) -> None:
    policy = group(level)
    policy.rules.discoverable = discoverable
    refused = verdict(policy, "eve", (), Action.READ, T0)
    assert isinstance(refused, Denied)
    assert refused.refusal.id == id


@pytest.mark.parametrize(
    ("role", "action", "id"),
    [
        (MEMBER_ROLE_STEWARD, Action.READ, "ACC-04"),
        (MEMBER_ROLE_STEWARD, Action.READ_LEDGER, "ACC-06"),
        (MEMBER_ROLE_MEMBER, Action.MANAGE, "ACC-06"),
    ],
)
def test_members_are_told_what_their_role_lacks(role: MemberRole, action: Action, id: str) -> None:
    refused = verdict(group(LEVEL_CONFIDENTIAL, awa=Membership(role, T0)), "awa", (), action, T0)
    assert isinstance(refused, Denied)
    assert refused.refusal.id == id


def test_nobody_is_nobody() -> None:
    assert isinstance(verdict(group(LEVEL_OPEN), "", frozenset(Role.values()), Action.READ, T0), Denied)


def add(person: str, role: MemberRole = MEMBER_ROLE_MEMBER, until: datetime | None = None) -> events.MemberAdded:
    return events.MemberAdded(group_id="g", person_id=person, role=role, until=until)


CREATED = events.GroupCreated(
    group_id="g", created_by="awa", rules=Rules(level=LEVEL_CONFIDENTIAL), kind=GROUP_KIND_WORKING
)


def folded(*facts: object) -> GroupPolicy:
    return fold(GroupPolicy(), [(fact, T0 + number * HOUR) for number, fact in enumerate(facts)])  # type: ignore[misc]


def test_creating_a_group_makes_nobody_a_member() -> None:
    assert folded(CREATED).members == {}


def test_coming_back_begins_anew_and_a_change_of_role_does_not() -> None:
    policy = folded(CREATED, add("awa"), events.MemberRemoved(person_id="awa"), add("awa"), add("ben"), add("ben"))
    assert policy.members["awa"].since == T0 + 3 * HOUR
    assert policy.members["ben"].since == T0 + 4 * HOUR
    expired = folded(CREATED, add("awa", MEMBER_ROLE_GUEST, T0 + 2 * HOUR), events.RulesVoted(), add("awa"))
    assert expired.members["awa"].since == T0 + 3 * HOUR


def test_roles_and_rules_follow_their_events() -> None:
    policy = folded(
        CREATED,
        add("awa"),
        events.ModeratorAppointed(person_id="awa"),
        events.RulesProposed(version=2, rules=Rules(level=LEVEL_OPEN)),
        events.RulesProposed(version=3, rules=Rules(level=LEVEL_RESTRICTED)),
        events.RulesRejected(version=3),
        events.RulesAdopted(version=3),
    )
    assert policy.members["awa"].role == MEMBER_ROLE_MODERATOR
    assert (policy.level, policy.rules_version) == (LEVEL_CONFIDENTIAL, 1)
    policy = fold(policy, [(events.RulesAdopted(version=2), T0), (events.ModeratorStoodDown(person_id="awa"), T0)])
    assert (policy.level, policy.rules_version) == (LEVEL_OPEN, 2)
    assert policy.members["awa"].role == MEMBER_ROLE_MEMBER
    assert fold(policy, [(events.GroupArchived(), T0)]).archived
    assert not fold(policy, [(events.GroupDeleted(), T0)]).exists


@given(
    st.lists(
        st.sampled_from(
            [add("awa"), add("ben"), events.MemberLeft(person_id="awa"), events.MemberLeft(person_id="ben")]
        )
    ),
    st.integers(0, 20),
)
def test_folding_in_parts_is_folding_at_once(facts: list[object], cut: int) -> None:
    timed = [(fact, T0 + number * HOUR) for number, fact in enumerate([CREATED, *facts])]
    in_parts = fold(fold(GroupPolicy(), timed[:cut]), timed[cut:])  # type: ignore[arg-type]
    assert in_parts == fold(GroupPolicy(), timed)  # type: ignore[arg-type]
