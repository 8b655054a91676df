"""What holds of a group whatever is asked of it, by whomever, in whatever order."""

from collections.abc import Callable
from datetime import datetime, timedelta

from google.protobuf.message import Message
from hypothesis import given as for_all
from hypothesis import strategies as st
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED
from regard.groups.v1.events_pb2 import MemberAdded, RulesAdopted, RulesProposed
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    BREAK_GLASS_TWO_KEYS,
    INVITE_POLICY_MEMBERS,
    INVITE_POLICY_MODERATORS,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    JOIN_POLICY_ON_REQUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    Rules,
)

from services.common.errors import Refused
from services.groups.group import DECIDER, Command, Group
from services.groups.group import commands as ask
from tests.unit.groups.past import ADA, BOB, CYD, EVE, GROUP, NAME, NOW, OTHER_NAME, PURPOSE

PEOPLE = (ADA, BOB, CYD, EVE)
someone = st.sampled_from(PEOPLE)
some_rules = st.builds(
    Rules,
    level=st.sampled_from([LEVEL_OPEN, LEVEL_RESTRICTED, LEVEL_CONFIDENTIAL]),
    join=st.sampled_from([JOIN_POLICY_ANYONE, JOIN_POLICY_ON_REQUEST, JOIN_POLICY_BY_INVITATION]),
    invite=st.sampled_from([INVITE_POLICY_MODERATORS, INVITE_POLICY_MEMBERS]),
    break_glass=st.sampled_from([BREAK_GLASS_NEVER, BREAK_GLASS_TWO_KEYS]),
    discoverable=st.booleans(),
    guests_allowed=st.booleans(),
    consent_quorum_percent=st.sampled_from([0, 50, 75]),
    consent_period_days=st.sampled_from([0, 1]),
)
some_name = st.sampled_from([NAME, OTHER_NAME])

Ask = Callable[[datetime], Command]
"""A command, once it is known when it comes."""


def _asks() -> st.SearchStrategy[Ask]:
    def of(kind: Callable[..., Command], *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Ask]:
        return st.tuples(*arguments).map(lambda given: lambda at: kind(*given, at))

    def guest(person: str, days: int, by: str) -> Ask:
        return lambda at: ask.AddGuest(person, at + timedelta(days=days), by, at)

    def departure(person: str) -> Ask:
        return lambda _at: ask.Depart(person, EVE)

    return st.one_of(
        of(ask.Invite, someone, someone),
        of(ask.AcceptInvitation, someone),
        of(ask.DeclineInvitation, someone),
        of(ask.Join, someone),
        of(ask.SettleRequest, someone, st.booleans(), someone),
        st.builds(guest, someone, st.integers(1, 3), someone),
        of(ask.Leave, someone),
        of(ask.Remove, someone, someone),
        of(ask.SetModerator, someone, st.booleans(), someone),
        of(ask.ProposeRules, some_rules, someone),
        of(ask.Vote, st.integers(2, 4), st.booleans(), someone),
        of(ask.Rename, some_name, some_name, someone),
        of(ask.Archive, someone),
        of(ask.Delete, some_name, someone),
        of(ask.Expire, someone),
        of(ask.CloseVote),
        st.builds(departure, someone),
    )


courses = st.lists(st.tuples(st.integers(0, 30), _asks()), min_size=1, max_size=40)
"""Commands, each some hours after the one before."""
beginnings = st.one_of(
    st.builds(lambda rules: ask.Create(GROUP, NAME, PURPOSE, rules, ADA), some_rules),
    st.just(ask.OpenDirect(GROUP, (ADA, BOB), ADA)),
    st.builds(
        lambda rules: ask.Import(
            GROUP, NAME, PURPOSE, rules, ((ADA, MEMBER_ROLE_MODERATOR), (BOB, MEMBER_ROLE_MEMBER)), EVE
        ),
        some_rules,
    ),
)


@for_all(beginning=beginnings, course=courses)
def test_a_group_stays_in_order_whatever_is_asked(beginning: Command, course: list[tuple[int, Ask]]) -> None:
    history = list(DECIDER.decide(beginning, DECIDER.initial))
    group, at = DECIDER.fold(history), NOW
    direct = group.policy.direct
    members = set(group.policy.members)
    for hours, asked in course:
        at += timedelta(hours=hours)
        command = asked(at)
        try:
            events = tuple(DECIDER.decide(command, group))
        except Refused:
            continue
        after = DECIDER.fold(events, group)
        _in_order(after)
        _consented(group, events)
        assert not (direct and any(isinstance(event, MemberAdded) for event in events))
        history += events
        group = after
    assert DECIDER.fold(history) == group, "folding at once differs from folding step by step"
    if direct:
        assert set(group.policy.members) == members


def _in_order(group: Group) -> None:
    policy = group.policy
    moderators = [one for one in policy.members.values() if one.role == MEMBER_ROLE_MODERATOR]
    if policy.exists and not policy.direct and not policy.archived:
        assert moderators, "nobody moderates any more"
    if policy.deleted:
        assert not policy.members
    full = {who for who, one in policy.members.items() if one.role in (MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR)}
    assert not full & (group.invited | group.requested), "who belongs still waits"
    assert not set(policy.members) & group.former
    if proposal := group.proposal:
        assert proposal.agreed | proposal.disagreed <= proposal.electorate <= full
        assert not proposal.agreed & proposal.disagreed
        assert not proposal.is_agreed, "agreed, and not adopted"
        assert not proposal.is_hopeless, "hopeless, and not rejected"


def _consented(before: Group, events: tuple[Message, ...]) -> None:
    """Whenever a lower level comes into force, as many agreed as were needed."""
    group = before
    for event in events:
        if isinstance(event, RulesAdopted):
            lowered = _rules_of(group, event.version).level < group.policy.level
            if lowered:
                assert group.proposal
                assert len(group.proposal.agreed) >= group.proposal.needed > 0
        if isinstance(event, RulesProposed):
            assert group.proposal is None, "two votes at once"
        group = DECIDER.fold((event,), group)


def _rules_of(group: Group, version: int) -> Rules:
    return group.policy.proposed[version]
