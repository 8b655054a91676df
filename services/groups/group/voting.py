"""How a group's rules change: at once, or with its members' consent where they would lose protection."""

from datetime import datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import LEVEL_OPEN
from regard.groups.v1.events_pb2 import BreakGlassClosed, RulesAdopted, RulesProposed, RulesRejected, RulesVoted
from regard.groups.v1.rules_pb2 import BREAK_GLASS_TWO_KEYS, Rules

from services.access import Action
from services.groups.group.commands import CloseVote, ProposeRules, Vote
from services.groups.group.rights import demand, demand_moderator, demand_unarchived
from services.groups.group.state import Group, Proposal, electorate
from services.groups.refusals import BAD_CONSENT, NO_SUCH_VOTE, NO_VOICE, VOTE_IS_OPEN

EVERYONE_PERCENT = 100
LEAST_PERCENT = 50
DEFAULT_PERIOD_DAYS = 7
RULES = "rules"
"""In place of a person, where new rules end a break-glass."""


def needs_consent(before: Rules, after: Rules) -> bool:
    """Whether members would lose protection: a lower level, or, above open, an easier way to a lower one.

    Break-glass is such a way in; a smaller share of members who must agree would else be the way around their consent.
    """
    if after.level < before.level:
        return True
    eased = quorum_percent(after) < quorum_percent(before)
    opened = after.break_glass == BREAK_GLASS_TWO_KEYS != before.break_glass
    return before.level > LEVEL_OPEN and (eased or opened)


def quorum_percent(rules: Rules) -> int:
    """The share of the members who must agree."""
    return rules.consent_quorum_percent or EVERYONE_PERCENT


def period_days(rules: Rules) -> int:
    """How long a vote stays open."""
    return rules.consent_period_days or DEFAULT_PERIOD_DAYS


def demand_consent_in_range(rules: Rules) -> None:
    """Raises Refused (GRP-16)."""
    if not LEAST_PERCENT <= quorum_percent(rules) <= EVERYONE_PERCENT:
        raise BAD_CONSENT()


def propose(command: ProposeRules, group: Group) -> tuple[Message, ...]:
    """The rules, adopted or put to the vote. Raises Refused: ACC-.., GRP-01, -02, -03, -13, -16."""
    demand_moderator(group, command.by, command.at)
    demand_unarchived(group)
    demand_consent_in_range(command.rules)
    over = close(CloseVote(command.at), group)
    if group.proposal and not over:
        raise VOTE_IS_OPEN(version=str(group.proposal.version))
    if command.rules == group.policy.rules:
        return over
    group_id, version = group.policy.group_id, group.last_version + 1
    if not needs_consent(group.policy.rules, command.rules):
        proposed = RulesProposed(group_id=group_id, version=version, rules=command.rules, proposed_by=command.by)
        return *over, proposed, *_adopted(group, version, command.rules)
    return *over, *_put_to_the_vote(command, group, version)


def vote(command: Vote, group: Group) -> tuple[Message, ...]:
    """The vote, and what it settles. Raises Refused: ACC-.., GRP-14, GRP-15."""
    demand(group, command.by, Action.FIND, command.at)
    proposal = group.proposal
    if proposal is None or proposal.version != command.version or proposal.closes_at <= command.at:
        raise NO_SUCH_VOTE()
    if command.by not in proposal.electorate:
        raise NO_VOICE()
    if command.by in (proposal.agreed if command.agrees else proposal.disagreed):
        return ()
    group_id = group.policy.group_id
    voted = RulesVoted(group_id=group_id, version=proposal.version, person_id=command.by, agrees=command.agrees)
    return voted, *_settled(group, proposal.voted(command.by, command.agrees))


def close(command: CloseVote, group: Group) -> tuple[Message, ...]:
    """The rejection of what was not agreed in time."""
    proposal = group.proposal
    if proposal is None or command.at < proposal.closes_at:
        return ()
    return (RulesRejected(group_id=group.policy.group_id, version=proposal.version),)


def after_departure(group: Group, person_id: str) -> tuple[Message, ...]:
    """What someone's going away, their vote included, settles."""
    return _settled(group, group.proposal.without(person_id)) if group.proposal else ()


def _put_to_the_vote(command: ProposeRules, group: Group, version: int) -> tuple[Message, ...]:
    group_id, now = group.policy.group_id, group.policy.rules
    voters = electorate(group.policy)
    needed = -(-len(voters) * quorum_percent(now) // 100)
    closes_at = command.at + timedelta(days=period_days(now))
    proposed = RulesProposed(
        group_id=group_id,
        version=version,
        rules=command.rules,
        proposed_by=command.by,
        needed=needed,
        closes_at=timestamp(closes_at),
    )
    # Who proposes agrees; alone in the group, they have decided.
    agrees = RulesVoted(group_id=group_id, version=version, person_id=command.by, agrees=True)
    proposal = Proposal(version, command.rules, command.by, needed, closes_at, voters)
    return proposed, agrees, *_settled(group, proposal.voted(command.by, agrees=True))


def _settled(group: Group, proposal: Proposal) -> tuple[Message, ...]:
    if proposal.is_agreed:
        return _adopted(group, proposal.version, proposal.rules)
    if proposal.is_hopeless:
        return (RulesRejected(group_id=group.policy.group_id, version=proposal.version),)
    return ()


def _adopted(group: Group, version: int, rules: Rules) -> tuple[Message, ...]:
    """New rules, and the end of every break-glass where they allow none."""
    group_id = group.policy.group_id
    adopted = RulesAdopted(group_id=group_id, version=version)
    if rules.break_glass == BREAK_GLASS_TWO_KEYS:
        return (adopted,)
    ids = sorted(one.break_glass_id for one in group.policy.opened.values())
    return adopted, *(BreakGlassClosed(group_id=group_id, break_glass_id=id, closed_by=RULES) for id in ids)


def timestamp(at: datetime) -> Timestamp:
    """The moment as protobuf has it."""
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment
