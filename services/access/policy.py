"""Who may do what in a group, as a pure function of its policy; and the same, told to its members as the panel.

`verdict` and `panel` read the one table in rules.py through `_entitlement`, so that what is shown is what is enforced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from regard.audit.v1.events_pb2 import (
    READER_KIND_ADMINISTRATOR,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_DATA_PROTECTION_OFFICER,
    READER_KIND_SERVICE,
    ReaderKind,
)
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Level
from regard.groups.v1.rules_pb2 import MEMBER_ROLE_STEWARD, PAST_VISIBILITY_FROM_JOINING

from services.access import refusals
from services.access.group import EVERYTHING, GroupPolicy, Membership, Opening, Scope, fold
from services.access.rules import RULES, Action, Belonging, Everyone, Holding, Keys, Opened, Outside, Right, Rule
from services.common.errors import Refusal

__all__ = [
    "PRIVILEGED",
    "Action",
    "Allowed",
    "Denied",
    "GroupPolicy",
    "Membership",
    "PanelLine",
    "fold",
    "must_record",
    "panel",
    "strangers",
    "verdict",
]

PRIVILEGED = frozenset(
    {
        READER_KIND_AUDITOR,
        READER_KIND_DATA_PROTECTION_OFFICER,
        READER_KIND_BREAK_GLASS,
        READER_KIND_SERVICE,
        READER_KIND_ADMINISTRATOR,
    }
)
"""Those who look by a role and not because they belong: always recorded, always with a purpose."""

_UNRECORDED = frozenset({Action.WRITE, Action.MANAGE, Action.FIND})
_RECORDED_EVERYWHERE = frozenset(
    {Action.EXPORT, Action.READ_LEDGER, Action.SEARCH_LEDGER, Action.EXPORT_LEDGER, Action.READ_TRAIL, Action.IMPORT}
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes: in which capacity, by which rule, of what was written at which levels, in which scope and until when.

    `opening`: the break-glass that allows it, if one does.
    """

    capacity: ReaderKind
    rule: str
    readable_levels: frozenset[Level]
    scope: Scope
    until: datetime | None
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """No, and why."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PanelLine:
    """Someone (`person_id`), or all who have a capacity, that can reach the group now, and why."""

    rule: str
    person_id: str
    capacity: str
    reads_content: bool
    reads_ledger: bool
    writes: bool
    manages: bool
    recorded: bool
    since: datetime | None
    until: datetime | None
    en: str
    fr: str


@dataclass(frozen=True, slots=True)
class _Entitlement:
    rule: Rule
    rights: frozenset[Right]
    scope: Scope = EVERYTHING
    until: datetime | None = None
    opening: Opening | None = None


def verdict(
    policy: GroupPolicy, person_id: str, org_roles: Collection[int], action: Action, at: datetime
) -> Allowed | Denied:
    """Whether the person may, at that moment. `org_roles`: numbers of regard.common.v1.Role that they hold."""
    entitlements = tuple(_entitlements(policy, person_id, org_roles, at)) if person_id else ()
    for entitled in entitlements:
        if action.right in entitled.rights:
            rule = entitled.rule
            return Allowed(rule.capacity, rule.id, rule.levels, entitled.scope, entitled.until, entitled.opening)
    return Denied(_why_not(policy, person_id, action, at, entitlements))


def strangers(policy: GroupPolicy, people: Collection[str], at: datetime) -> tuple[str, ...]:
    """Those who could not read in the group at that moment, so that mentioning them would tell them nothing."""
    return tuple(one for one in people if isinstance(verdict(policy, one, (), Action.READ, at), Denied))


def panel(policy: GroupPolicy, at: datetime) -> tuple[PanelLine, ...]:
    """Everyone and everything that can reach the group at that moment: capacities first, then people by role and id."""
    lines = []
    for rule in sorted(RULES, key=lambda rule: isinstance(rule.whom, Belonging | Opened)):
        match rule.whom:
            case Belonging(role=role):
                people = sorted(who for who, member in policy.members.items() if member.role == role)
            case Opened():
                people = sorted(policy.opened)
            case Holding() | Keys() | Everyone() | Outside():
                people = [""]
        found = [(who, _entitlement(policy, rule, who, at)) for who in people]
        lines += [_line(policy, entitled, who) for who, entitled in found if entitled]
    return tuple(lines)


def must_record(policy: GroupPolicy, capacity: ReaderKind, action: Action, levels: Collection[Level] = ()) -> bool:
    """Whether the access is to be durable in the ledger before it is served. `levels`: of what it touches."""
    if action in _UNRECORDED:
        return False
    confidential = policy.level == LEVEL_CONFIDENTIAL or LEVEL_CONFIDENTIAL in levels
    return confidential or capacity in PRIVILEGED or action in _RECORDED_EVERYWHERE


def _entitlements(
    policy: GroupPolicy, person_id: str, org_roles: Collection[int], at: datetime
) -> Iterator[_Entitlement]:
    membership, opening = policy.members.get(person_id), policy.opened.get(person_id)
    for rule in RULES:
        match rule.whom:
            case Belonging(role=role):
                about = membership is not None and membership.role == role
            case Opened():
                about = opening is not None and opening.role in org_roles
            case Holding(role=role):
                about = role in org_roles
            case Everyone():
                about = True
            case Keys() | Outside():
                about = False
        if about and (entitled := _entitlement(policy, rule, person_id, at)):
            yield entitled


def _entitlement(policy: GroupPolicy, rule: Rule, person_id: str, at: datetime) -> _Entitlement | None:
    """What the rule gives to someone whom it is about; None for nothing."""
    rights = rule.rights(policy)
    if not rights:
        return None
    match rule.whom:
        case Belonging():
            membership = policy.member(person_id, at)
            return _Entitlement(rule, rights, _past(policy, membership), membership.until) if membership else None
        case Opened():
            opening = policy.opened.get(person_id)
            if opening is None or not opening.lasts(at):
                return None
            return _Entitlement(rule, rights, opening.scope, opening.until, opening)
        case Holding() | Keys() | Everyone() | Outside():
            return _Entitlement(rule, rights)


def _past(policy: GroupPolicy, membership: Membership) -> Scope:
    from_joining = policy.rules.past == PAST_VISIBILITY_FROM_JOINING and not policy.direct
    return Scope(since=membership.since) if from_joining else EVERYTHING


def _line(policy: GroupPolicy, entitled: _Entitlement, person_id: str) -> PanelLine:
    rule, rights = entitled.rule, entitled.rights
    return PanelLine(
        rule=rule.id,
        person_id=person_id,
        capacity=_capacity(rule),
        reads_content=Right.CONTENT in rights,
        reads_ledger=bool(rights & {Right.LEDGER, Right.LEDGER_SEARCH, Right.TRAIL}),
        writes=Right.WRITE in rights,
        manages=Right.MANAGE in rights,
        recorded=_recorded(policy, rule, rights),
        since=entitled.scope.since,
        until=entitled.until,
        en=rule.en,
        fr=rule.fr,
    )


def _recorded(policy: GroupPolicy, rule: Rule, rights: frozenset[Right]) -> bool:
    if isinstance(rule.whom, Outside):
        return False
    reads_recorded = Right.CONTENT in rights and must_record(policy, rule.capacity, Action.READ)
    return reads_recorded or rule.capacity in PRIVILEGED


def _capacity(rule: Rule) -> str:
    match rule.whom:
        case Outside():
            return "operator"
        case Belonging(role=role) if role == MEMBER_ROLE_STEWARD:
            return "steward"
        case _:
            return ReaderKind.Name(rule.capacity).removeprefix("READER_KIND_").lower()


def _why_not(
    policy: GroupPolicy, person_id: str, action: Action, at: datetime, entitlements: tuple[_Entitlement, ...]
) -> Refusal:
    if not policy.exists:
        return refusals.NO_SUCH_GROUP
    membership = policy.members.get(person_id)
    if membership and not membership.lasts(at):
        return refusals.MEMBERSHIP_ENDED
    if policy.archived and action.right in (Right.WRITE, Right.IMPORT) and entitlements:
        return refusals.ARCHIVED
    if membership is None:
        found = any(Right.FIND in entitled.rights for entitled in entitlements)
        return refusals.NOT_A_MEMBER if found else refusals.NO_SUCH_GROUP
    if membership.role == MEMBER_ROLE_STEWARD and action.right is Right.CONTENT:
        return refusals.STEWARDS_DO_NOT_READ
    return refusals.NOT_IN_THIS_CAPACITY
