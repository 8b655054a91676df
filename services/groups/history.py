"""The history of a group's rules, told from its events: pure."""

from collections.abc import Iterable

from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.groups_pb2 import RulesVersion
from regard.groups.v1.rules_pb2 import Rules

from services.common.codec import Event
from services.groups.group.voting import timestamp
from services.groups.wording import changes


def rules_history(events: Iterable[Event]) -> list[RulesVersion]:
    """Every version of the rules, newest first, with what became of it and what it changes."""
    versions: list[RulesVersion] = []
    votes: dict[str, bool] = {}
    in_force = Rules()
    for event in events:
        match event.message:
            case groups.GroupCreated() as created:
                versions.append(_first(created, event))
                in_force = created.rules
            case groups.RulesProposed() as proposed:
                versions.append(_proposed(proposed, in_force, event))
                votes = {}
            case groups.RulesVoted() as voted:
                votes[voted.person_id] = voted.agrees
                versions[-1].agreed = sum(votes.values())
            case groups.MemberLeft() | groups.MemberRemoved() as gone if votes.pop(gone.person_id, False):
                versions[-1].agreed = sum(votes.values())
            case groups.RulesAdopted():
                _settle(versions[-1], RulesVersion.STATE_ADOPTED, event)
                in_force, votes = versions[-1].rules, {}
            case groups.RulesRejected():
                _settle(versions[-1], RulesVersion.STATE_REJECTED, event)
                votes = {}
            case _:
                pass
    return versions[::-1]


def _first(created: groups.GroupCreated, event: Event) -> RulesVersion:
    at = timestamp(event.recorded_at)
    return RulesVersion(
        version=1,
        rules=created.rules,
        proposed_by=created.created_by,
        state=RulesVersion.STATE_ADOPTED,
        proposed_at=at,
        settled_at=at,
    )


def _proposed(proposed: groups.RulesProposed, in_force: Rules, event: Event) -> RulesVersion:
    return RulesVersion(
        version=proposed.version,
        rules=proposed.rules,
        proposed_by=proposed.proposed_by,
        state=RulesVersion.STATE_PROPOSED,
        proposed_at=timestamp(event.recorded_at),
        needed=proposed.needed,
        changes=changes(in_force, proposed.rules),
    )


def _settle(version: RulesVersion, state: RulesVersion.State, event: Event) -> None:
    version.state = state
    version.settled_at.CopyFrom(timestamp(event.recorded_at))
