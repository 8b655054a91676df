"""What holds of a group whatever is asked of it, by whomever, in whatever order."""

from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from google.protobuf.message import Message
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, LEVEL_UNSPECIFIED
from regard.common.v1.options_pb2 import ROLE_SECURITY_OFFICER
from regard.groups.v1.events_pb2 import (
    BreakGlassClosed,
    BreakGlassOpened,
    GroupCreated,
    MemberAdded,
    MemberLeft,
    MemberRemoved,
    MembershipExpired,
    ModeratorAppointed,
    ModeratorStoodDown,
    RulesAdopted,
    RulesProposed,
    RulesRejected,
    RulesVoted,
)
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    BREAK_GLASS_TWO_KEYS,
    INVITE_POLICY_MEMBERS,
    INVITE_POLICY_MODERATORS,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    JOIN_POLICY_ON_REQUEST,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MemberRole,
    Rules,
)

from services.common.errors import Refused
from services.groups.group import DECIDER, Command, Group
from services.groups.group import commands as ask
from tests.unit.groups.past import ADA, BOB, CYD, EVE, GROUP, NAME, NOW, OTHER_NAME, PURPOSE, timestamp

Drawn = TypeVar("Drawn")


class Draw(Protocol):
    """Chooses one of a strategy's examples."""

    def __call__(self, strategy: st.SearchStrategy[Drawn], /) -> Drawn: ...


PEOPLE = (ADA, BOB, CYD, EVE)
someone = st.sampled_from(PEOPLE)
some_rules = st.builds(
    Rules,
    level=st.sampled_from([LEVEL_OPEN, LEVEL_RESTRICTED, LEVEL_CONFIDENTIAL]),
    join=st.sampled_from(
        [JOIN_POLICY_ANYONE, JOIN_POLICY_ON_REQUEST, JOIN_POLICY_ON_REQUEST, JOIN_POLICY_BY_INVITATION]
    ),
    invite=st.sampled_from([INVITE_POLICY_MODERATORS, INVITE_POLICY_MEMBERS]),
    break_glass=st.sampled_from([BREAK_GLASS_NEVER, BREAK_GLASS_TWO_KEYS]),
    discoverable=st.sampled_from([True, True, False]),
    guests_allowed=st.booleans(),
    consent_quorum_percent=st.sampled_from([0, 50, 75]),
    consent_period_days=st.sampled_from([0, 1]),
)
some_id = st.sampled_from(["b1", "b2", "b3"])
some_name = st.sampled_from([NAME, OTHER_NAME])
beginnings = st.one_of(
    st.builds(
        lambda rules: ask.Import(
            GROUP,
            NAME,
            PURPOSE,
            rules,
            ((ADA, MEMBER_ROLE_MODERATOR), (BOB, MEMBER_ROLE_MEMBER), (CYD, MEMBER_ROLE_MEMBER)),
            EVE,
        ),
        some_rules,
    ),
    st.builds(lambda rules: ask.Create(GROUP, NAME, PURPOSE, rules, ADA), some_rules),
    st.just(ask.OpenDirect(GROUP, (ADA, BOB), ADA)),
)
COMING = (ask.Invite, ask.AcceptInvitation, ask.DeclineInvitation, ask.Join, ask.SettleRequest, ask.AddGuest)
GOING = (ask.Leave, ask.Remove, ask.SetModerator, ask.Expire, ask.Depart)
RULING = (ask.ProposeRules, ask.Vote, ask.CloseVote)
SELDOM = (ask.Rename, ask.Archive, ask.Delete)
BREAKING = (ask.OpenGlass, ask.CloseGlass)
kinds = st.sampled_from([*COMING * 3, *GOING * 2, *RULING * 5, *BREAKING * 2, *SELDOM])


def some_command(draw: Draw, group: Group, at: datetime) -> Command:
    """Anything, by anyone; often by someone who may."""
    outsiders = [who for who in PEOPLE if who not in group.policy.members]
    insiders = sorted(group.policy.members)
    moderators = [who for who, one in group.policy.members.items() if one.role == MEMBER_ROLE_MODERATOR]
    by = draw(st.sampled_from([*PEOPLE, *moderators * 4]))
    match draw(kinds):
        case ask.Invite:
            return ask.Invite(draw(st.sampled_from([*PEOPLE, *outsiders * 4])), by, at)
        case ask.SettleRequest:
            asking = sorted(group.requested)
            return ask.SettleRequest(draw(st.sampled_from([*PEOPLE, *asking * 4])), draw(st.booleans()), by, at)
        case ask.AddGuest:
            return ask.AddGuest(draw(someone), at + timedelta(days=draw(st.integers(1, 3))), by, at)
        case ask.Remove:
            return ask.Remove(draw(someone), by, at)
        case ask.SetModerator:
            return ask.SetModerator(draw(someone), draw(st.booleans()), by, at)
        case ask.ProposeRules:
            return ask.ProposeRules(draw(some_rules), by, at)
        case ask.Vote:
            return ask.Vote(group.last_version, draw(st.booleans()), draw(someone), at)
        case ask.Rename:
            return ask.Rename(draw(some_name), draw(some_name), by, at)
        case ask.Delete:
            return ask.Delete(draw(some_name), by, at)
        case ask.Archive:
            return ask.Archive(by, at)
        case ask.Expire:
            return ask.Expire(draw(someone), at)
        case ask.Depart:
            return ask.Depart(draw(someone), EVE)
        case ask.CloseVote:
            return ask.CloseVote(at)
        case ask.OpenGlass:
            return ask.OpenGlass(_opened(draw(some_id), draw(st.sampled_from([*PEOPLE, *outsiders * 4])), at), at)
        case ask.CloseGlass:
            return ask.CloseGlass(draw(some_id), by)
        case ask.Leave:
            return ask.Leave(draw(st.sampled_from([*PEOPLE, *insiders * 2])), at)
        case ask.Join:
            return ask.Join(draw(st.sampled_from([*PEOPLE, *outsiders * 4])), at)
        case ask.DeclineInvitation:
            return ask.DeclineInvitation(draw(someone), at)
        case _:
            return ask.AcceptInvitation(draw(st.sampled_from([*PEOPLE, *sorted(group.invited) * 4])), at)


def _opened(id: str, reader: str, at: datetime) -> BreakGlassOpened:
    ends_at = timestamp(at + timedelta(days=2))
    return BreakGlassOpened(
        group_id=GROUP, break_glass_id=id, reader_id=reader, reader_role=ROLE_SECURITY_OFFICER, ends_at=ends_at
    )


@settings(max_examples=200, deadline=None)
@for_all(st.data())
def test_a_group_stays_in_order_whatever_is_asked(data: st.DataObject) -> None:
    history = list(DECIDER.decide(data.draw(beginnings), DECIDER.initial))
    group, at = DECIDER.fold(history), NOW
    first_members = set(group.policy.members)
    for _ in range(data.draw(st.integers(10, 50))):
        at += timedelta(hours=data.draw(st.integers(0, 30)))
        command = some_command(data.draw, group, at)
        try:
            events = tuple(DECIDER.decide(command, group))
        except Refused:
            continue
        history += events
        group = DECIDER.fold(events, group)
        _in_order(group)
        _consented(history)
        _broken(history, group)
        if group.policy.direct:
            assert set(group.policy.members) == first_members
    assert DECIDER.fold(history) == group, "folding at once differs from folding step by step"


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
        assert len(proposal.agreed) < proposal.needed, "agreed, and not adopted"
        assert len(proposal.electorate - proposal.disagreed) >= proposal.needed, "hopeless, and not rejected"


def _broken(history: list[Message], group: Group) -> None:
    """Each break-glass opens once at most, never after it was closed, and only where the rules in force allow it."""
    policy, over, opened = group.policy, set[str](), set[str]()
    for event in history:
        match event:
            case BreakGlassOpened(break_glass_id=id):
                assert id not in over | opened
                opened.add(id)
            case BreakGlassClosed(break_glass_id=id):
                assert id not in over
                over.add(id)
            case _:
                pass
    assert {one.break_glass_id for one in policy.opened.values()} <= opened - over
    if policy.opened:
        allowed = policy.exists and not policy.direct and policy.rules.break_glass == BREAK_GLASS_TWO_KEYS
        assert allowed, "new rules left one open"


def _consented(history: list[Message]) -> None:
    """Whenever a lower level came into force, as many had agreed as were needed of those who could, and still can."""
    level, proposed, voters, agreed = LEVEL_UNSPECIFIED, RulesProposed(), set[str](), set[str]()
    is_open = False
    members: dict[str, MemberRole] = {}
    for event in history:
        match event:
            case GroupCreated():
                level = event.rules.level
            case MemberAdded():
                members[event.person_id] = event.role
            case ModeratorAppointed() | ModeratorStoodDown():
                members[event.person_id] = MEMBER_ROLE_MEMBER
            case MemberLeft() | MemberRemoved() | MembershipExpired():
                members.pop(event.person_id, None)
                voters.discard(event.person_id)
            case RulesProposed():
                assert not is_open, "two votes at once"
                is_open = True
                proposed, agreed = event, set()
                voters = {who for who, role in members.items() if role != MEMBER_ROLE_GUEST}
            case RulesVoted():
                (agreed.add if event.agrees else agreed.discard)(event.person_id)
            case RulesRejected():
                is_open = False
            case RulesAdopted():
                is_open = False
                assert event.version == proposed.version
                if proposed.rules.level < level:
                    assert len(agreed & voters) >= proposed.needed > 0, "the level was lowered without consent"
                level = proposed.rules.level
            case _:
                pass
