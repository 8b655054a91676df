"""What is shown is what is enforced, for every rule, role, level and moment; and what no rule may ever give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regard.audit.v1.events_pb2 import READER_KIND_BREAK_GLASS, READER_KIND_COLLEAGUE, READER_KIND_MEMBER
from regard.common.v1.common_pb2 import (
    LEVEL_CONFIDENTIAL,
    LEVEL_OPEN,
    LEVEL_RESTRICTED,
    PURPOSE_SECURITY_INCIDENT,
    Level,
)
from regard.common.v1.options_pb2 import (
    ROLE_AUDITOR,
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_PLATFORM_ADMINISTRATOR,
    ROLE_SECURITY_OFFICER,
    Role,
)
from regard.groups.v1 import events_pb2 as events
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    BREAK_GLASS_TWO_KEYS,
    GROUP_KIND_DIRECT,
    GROUP_KIND_WORKING,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_STEWARD,
    PAST_VISIBILITY_FROM_JOINING,
    BreakGlass,
    BreakGlassScope,
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
from services.access.group import EVERYTHING, Opening, Scope
from services.access.rules import RULES, Belonging, Everyone, Holding, Keys, Opened, Outside, Right

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
    break_glass=st.sampled_from(BreakGlass.values()),
)
scopes = st.builds(
    Scope, st.none() | moments, st.none() | moments, st.frozensets(st.sampled_from(["post", "room"])), st.just(True)
)
openings = st.builds(
    Opening,
    break_glass_id=st.just("b"),
    role=st.sampled_from([ROLE_SECURITY_OFFICER, ROLE_DATA_PROTECTION_OFFICER]),
    purpose=st.just(PURPOSE_SECURITY_INCIDENT),
    reference=st.just("case 7"),
    scope=scopes,
    until=moments,
)
policies = st.builds(
    GroupPolicy,
    group_id=st.sampled_from(["", "g"]),
    kind=st.sampled_from(GroupKind.values()),
    rules=rules,
    rules_version=st.integers(1, 3),
    members=st.dictionaries(st.sampled_from(PEOPLE), memberships).map(MappingProxyType),
    opened=st.dictionaries(st.sampled_from((*PEOPLE, "nobody")), openings).map(MappingProxyType),
    archived=st.booleans(),
    deleted=st.booleans(),
)
roles = st.frozensets(st.sampled_from([one for one in Role.values() if one]))
people = st.sampled_from((*PEOPLE, "nobody"))
content = st.sampled_from([action for action in Action if action.right is Right.CONTENT])


def lines_about(policy: GroupPolicy, person: str, org_roles: frozenset[int], at: datetime) -> list[PanelLine]:
    """The lines that somebody with these roles finds themselves in. The panel knows no roles of a person."""
    opening = policy.opened.get(person)
    lines = [line for line in panel(policy, at) if line.rule != "SEE-10" or (opening and opening.role in org_roles)]
    capacities = {"colleague"}
    if ROLE_AUDITOR in org_roles:
        capacities.add("auditor")
    if ROLE_DATA_PROTECTION_OFFICER in org_roles:
        capacities.add("data_protection_officer")
    if ROLE_PLATFORM_ADMINISTRATOR in org_roles:
        capacities.add("administrator")
    return [line for line in lines if line.person_id == person or (not line.person_id and line.capacity in capacities)]


@given(policies, people, roles, content, moments)
def test_whoever_may_read_is_in_the_panel_and_the_other_way_round(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], action: Action, at: datetime
) -> None:
    found = verdict(policy, person, org_roles, action, at)
    lines = [line for line in lines_about(policy, person, org_roles, at) if line.reads_content]
    assert isinstance(found, Allowed) == bool(lines)
    if isinstance(found, Allowed):
        line = next(line for line in lines if line.rule == found.rule)
        assert (line.since, line.until) == (found.scope.since, found.until)
        assert line.recorded == must_record(policy, found.capacity, Action.READ)


@given(policies, people, roles, moments)
def test_ledger_writing_and_managing_are_shown_as_they_are_enforced(
    policy: GroupPolicy, person: str, org_roles: frozenset[int], at: datetime
) -> None:
    def may(action: Action) -> bool:
        return isinstance(verdict(policy, person, org_roles, action, at), Allowed)

    lines = lines_about(policy, person, org_roles, at)
    reads = (Action.READ_LEDGER, Action.SEARCH_LEDGER, Action.READ_TRAIL)
    assert any(map(may, reads)) == any(line.reads_ledger for line in lines)
    assert may(Action.WRITE) == any(line.writes for line in lines)
    assert may(Action.MANAGE) == any(line.manages for line in lines)
    if may(Action.IMPORT):
        assert any(line.capacity == "administrator" for line in lines)


def opening(until: datetime = T0 + HOUR, scope: Scope = EVERYTHING) -> Opening:
    return Opening("b", ROLE_SECURITY_OFFICER, PURPOSE_SECURITY_INCIDENT, "case 7", scope, until)


SITUATIONS: Mapping[str, GroupPolicy] = {
    rule.id: GroupPolicy(
        "g",
        GROUP_KIND_WORKING,
        Rules(
            level=LEVEL_OPEN if rule.id == "SEE-05" else LEVEL_RESTRICTED,
            discoverable=True,
            break_glass=BREAK_GLASS_TWO_KEYS,
        ),
        1,
        MappingProxyType(
            {"awa": Membership(rule.whom.role, T0, T0 + HOUR if rule.whom.role == MEMBER_ROLE_GUEST else None)}
            if isinstance(rule.whom, Belonging)
            else {}
        ),
        opened=MappingProxyType({"awa": opening()} if rule.whom == Opened() else {}),
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
        case Keys():
            assert (line.capacity, line.person_id, line.recorded) == ("break_glass", "", True)
            key_holder = frozenset({ROLE_SECURITY_OFFICER, ROLE_DATA_PROTECTION_OFFICER})
            assert isinstance(verdict(policy, "eve", key_holder, Action.READ, T0), Denied), "not by that alone"
            return
        case Holding(role=role):
            person, org_roles = "eve", frozenset({role})
        case Belonging():
            person, org_roles = "awa", frozenset()
        case Opened():
            person, org_roles = "awa", frozenset({ROLE_SECURITY_OFFICER})
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
    if found.capacity == READER_KIND_BREAK_GLASS:
        given = policy.opened[person]
        assert policy.rules.break_glass == BREAK_GLASS_TWO_KEYS and policy.kind != GROUP_KIND_DIRECT
        assert given.role in org_roles and at < given.until == found.until
        assert (found.scope, found.opening) == (given.scope, given)
        assert must_record(policy, found.capacity, action)
    elif not reading or found.capacity == READER_KIND_COLLEAGUE:
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
    assert found.scope.since == T0


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


def opened(until: datetime = T0 + 9 * HOUR, **scope: object) -> events.BreakGlassOpened:
    return events.BreakGlassOpened(
        group_id="g",
        break_glass_id="b",
        reader_id="eve",
        reader_role=ROLE_SECURITY_OFFICER,
        reason=PURPOSE_SECURITY_INCIDENT,
        reference="case 7",
        scope=BreakGlassScope(**scope),  # type: ignore[arg-type]
        ends_at=until,
    )


def test_a_break_glass_is_for_its_reader_in_their_role_until_its_end_and_in_its_scope() -> None:
    bounds = {"from": T0 - HOUR, "to": T0, "object_ids": ["room"]}
    policy = folded(CREATED, opened(T0 + HOUR, **bounds))
    role = (ROLE_SECURITY_OFFICER,)
    found = verdict(policy, "eve", role, Action.READ, T0)
    assert isinstance(found, Allowed)
    assert (found.capacity, found.rule, found.until) == (READER_KIND_BREAK_GLASS, "SEE-10", T0 + HOUR)
    assert not found.scope.whole
    assert found.scope.covers(T0 - HOUR) and not found.scope.covers(T0) and not found.scope.covers(T0 - 2 * HOUR)
    assert not found.scope.covers(None), "what was written at no known time lies in no period"
    assert found.scope.concerns("message", "room") and not found.scope.concerns("post") and not found.scope.concerns()
    for who, roles_, at in (("awa", role, T0), ("eve", (), T0), ("eve", (ROLE_AUDITOR,), T0), ("eve", role, T0 + HOUR)):
        assert isinstance(verdict(policy, who, roles_, Action.READ, at), Denied)
    for action in Action:
        if action.right is not Right.CONTENT:
            assert isinstance(verdict(policy, "eve", role, action, T0), Denied)


@pytest.mark.parametrize(
    "over",
    [
        (events.BreakGlassClosed(break_glass_id="b"),),
        (events.RulesProposed(version=2, rules=Rules(break_glass=BREAK_GLASS_NEVER)), events.RulesAdopted(version=2)),
        (events.GroupDeleted(),),
    ],
    ids=["closed", "new rules", "deleted"],
)
def test_a_break_glass_ends(over: tuple[object, ...]) -> None:
    other = events.BreakGlassClosed(break_glass_id="another")
    role = (ROLE_SECURITY_OFFICER,)
    assert isinstance(verdict(folded(CREATED, opened(), other), "eve", role, Action.READ, T0), Allowed)
    assert isinstance(verdict(folded(CREATED, opened(), *over), "eve", role, Action.READ, T0), Denied)


def add(person: str, role: MemberRole = MEMBER_ROLE_MEMBER, until: datetime | None = None) -> events.MemberAdded:
    return events.MemberAdded(group_id="g", person_id=person, role=role, until=until)


CREATED = events.GroupCreated(
    group_id="g",
    created_by="awa",
    rules=Rules(level=LEVEL_CONFIDENTIAL, break_glass=BREAK_GLASS_TWO_KEYS),
    kind=GROUP_KIND_WORKING,
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
