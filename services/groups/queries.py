"""SQL reads of the view."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.events_pb2 import BreakGlassApproved, BreakGlassRequested
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_WORKING,
    MEMBER_ROLE_UNSPECIFIED,
    GroupKind,
    MemberRole,
    Rules,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common import moments
from services.groups.group import SealedLabels
from services.groups.views import (
    BREAK_GLASS,
    DOOMED,
    ERASED,
    ERASED_IN,
    GROUPS,
    INVITATIONS,
    MEMBERS,
    OPENINGS,
    PEOPLE,
    PROPOSALS,
    REQUESTS,
    SEALED,
)

_AT_ONCE = 500
_APPROVED = BREAK_GLASS.c.state == int(BreakGlassCase.STATE_OPEN)


@dataclass(frozen=True, slots=True)
class NameRow:
    """A group's sealed name, and the full name of the event that it was sealed for."""

    group_id: str
    event_type: str
    name: Sealed


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as the view has it. `role`: of whoever asks; unspecified if they do not belong."""

    group_id: str
    kind: GroupKind
    labels: SealedLabels
    rules: Rules
    rules_version: int
    archived: bool
    member_count: int
    created_at_us: int
    role: MemberRole


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation that waits, with the labels of its group."""

    labels: SealedLabels
    person_id: str
    invited_by: str
    invited_at_us: int


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done about groups, and when something falls due next."""

    guests: tuple[tuple[str, str], ...]
    departed: tuple[tuple[str, str], ...]
    votes: tuple[str, ...]
    doomed: tuple[str, ...]
    next_at_us: int | None
    break_glass: tuple[str, ...] = ()
    """Approved ones whose group is not opened, or is closed again, or whose end has come."""
    disclosures: tuple[str, ...] = ()
    """Break-glass of which members are to be told by now."""
    erased: tuple[str, ...] = ()
    """Everybody who was ever erased."""


async def names_of_groups_of(connection: AsyncConnection, person_id: str, now_us: int) -> list[NameRow]:
    """The names of the groups that someone belongs to at that time."""
    return await _names(connection, _belongs(person_id, now_us))


async def names_of_groups_to_join(connection: AsyncConnection, person_id: str, now_us: int) -> list[NameRow]:
    """The names of the groups that everyone finds and someone does not belong to; not of those that are closed."""
    return await _names(connection, GROUPS.c.findable, ~GROUPS.c.archived, ~_belongs(person_id, now_us))


async def groups(
    connection: AsyncConnection, group_ids: Collection[str], person_id: str, now_us: int
) -> dict[str, GroupRow]:
    """Some groups, with the role that someone has in each at that time."""
    belonging = sa.and_(MEMBERS.c.group_id == GROUPS.c.group_id, MEMBERS.c.person_id == person_id, _lasts(now_us))
    chosen = (
        sa.select(GROUPS, MEMBERS.c.role).outerjoin(MEMBERS, belonging).where(GROUPS.c.group_id.in_(list(group_ids)))
    )
    return {row.group_id: _group(row) for row in await connection.execute(chosen)}


async def invitations_of(connection: AsyncConnection, person_id: str) -> list[InvitationRow]:
    """What someone is invited to, newest first."""
    chosen = (
        sa.select(INVITATIONS, GROUPS.c.name, GROUPS.c.purpose, GROUPS.c.labels_event)
        .join(GROUPS, GROUPS.c.group_id == INVITATIONS.c.group_id)
        .where(INVITATIONS.c.person_id == person_id)
        .order_by(INVITATIONS.c.invited_at_us.desc(), INVITATIONS.c.group_id)
    )
    return [
        InvitationRow(_labels(row), row.person_id, row.invited_by, row.invited_at_us)
        for row in await connection.execute(chosen)
    ]


async def requests_of(connection: AsyncConnection, group_id: str) -> list[tuple[str, int]]:
    """Who asks to join a group, and since when, oldest first."""
    chosen = (
        sa.select(REQUESTS.c.person_id, REQUESTS.c.requested_at_us)
        .where(REQUESTS.c.group_id == group_id)
        .order_by(REQUESTS.c.requested_at_us, REQUESTS.c.person_id)
    )
    return [(row.person_id, row.requested_at_us) for row in await connection.execute(chosen)]


async def active_people(connection: AsyncConnection, person_ids: Collection[str]) -> set[str]:
    """Those of them whose account is active."""
    wanted, found = list(person_ids), set[str]()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        chosen = sa.select(PEOPLE.c.person_id).where(PEOPLE.c.person_id.in_(some), PEOPLE.c.active)
        found.update(await connection.scalars(chosen))
    return found


async def due(connection: AsyncConnection, now_us: int) -> Due:
    """What is to be done at that time: guests and votes whose end has come, people who left, keys to destroy."""
    guests = sa.select(MEMBERS.c.group_id, MEMBERS.c.person_id).where(MEMBERS.c.until_us <= now_us)
    votes = sa.select(PROPOSALS.c.group_id).where(PROPOSALS.c.closes_at_us <= now_us)
    departed = (
        sa.select(MEMBERS.c.group_id, MEMBERS.c.person_id)
        .join(PEOPLE, PEOPLE.c.person_id == MEMBERS.c.person_id)
        .join(GROUPS, GROUPS.c.group_id == MEMBERS.c.group_id)
        .where(~PEOPLE.c.active, GROUPS.c.kind == int(GROUP_KIND_WORKING))
    )
    ends = sa.union_all(
        sa.select(sa.func.min(MEMBERS.c.until_us).label("at_us")).where(MEMBERS.c.until_us > now_us),
        sa.select(sa.func.min(PROPOSALS.c.closes_at_us)).where(PROPOSALS.c.closes_at_us > now_us),
        sa.select(sa.func.min(BREAK_GLASS.c.ends_at_us)).where(_APPROVED, BREAK_GLASS.c.ends_at_us > now_us),
        sa.select(sa.func.min(SEALED.c.disclose_at_us)).where(SEALED.c.disclose_at_us > now_us),
    ).subquery()
    is_open = sa.and_(OPENINGS.c.opened_at_us.is_not(None), OPENINGS.c.closed_at_us.is_(None))
    unsettled = _with_openings(BREAK_GLASS.c.break_glass_id).where(
        _APPROVED,
        sa.or_(
            sa.and_(SEALED.c.break_glass_id.is_(None), sa.or_(OPENINGS.c.break_glass_id.is_(None), ~is_open)),
            BREAK_GLASS.c.ends_at_us <= now_us,
        ),
    )
    untold = sa.select(SEALED.c.break_glass_id).where(
        SEALED.c.disclosed_at_us.is_(None), SEALED.c.approved_at_us.is_not(None), SEALED.c.disclose_at_us <= now_us
    )
    return Due(
        guests=tuple((row.group_id, row.person_id) for row in await connection.execute(guests)),
        departed=tuple((row.group_id, row.person_id) for row in await connection.execute(departed)),
        votes=tuple(await connection.scalars(votes)),
        doomed=tuple(await connection.scalars(sa.select(DOOMED.c.group_id))),
        next_at_us=await connection.scalar(sa.select(sa.func.min(ends.c.at_us))),
        break_glass=tuple(await connection.scalars(unsettled)),
        disclosures=tuple(await connection.scalars(untold)),
        erased=tuple(await connection.scalars(sa.select(ERASED.c.person_id))),
    )


async def erased_in(connection: AsyncConnection, person_ids: Collection[str]) -> set[tuple[str, str]]:
    """In which groups it is said of these people that what they wrote is erased: group and person."""
    said = sa.select(ERASED_IN.c.group_id, ERASED_IN.c.person_id).where(ERASED_IN.c.person_id.in_(list(person_ids)))
    return {(group_id, person_id) for group_id, person_id in await connection.execute(said)}


async def break_glass(
    connection: AsyncConnection,
    group_id: str,
    *,
    opened_only: bool,
    after: tuple[int, str] | None,
    limit: int,
    now_us: int,
) -> list[BreakGlassCase]:
    """Those of a group, or of all where that is empty, newest first; `after` is the last of the page before."""
    key = sa.tuple_(BREAK_GLASS.c.requested_at_us, BREAK_GLASS.c.break_glass_id)
    openings = (OPENINGS.c.opened_at_us, OPENINGS.c.closed_at_us, OPENINGS.c.closed_by)
    sealed = (SEALED.c.approved_at_us, SEALED.c.disclose_at_us, SEALED.c.disclosed_at_us)
    chosen = _with_openings(BREAK_GLASS, *openings, *sealed)
    if group_id:
        chosen = chosen.where(BREAK_GLASS.c.group_id == group_id)
    if opened_only:
        # Whatever the view knows of one of which members are told later, they are told nothing before.
        at_once = sa.and_(SEALED.c.break_glass_id.is_(None), OPENINGS.c.opened_at_us.is_not(None))
        chosen = chosen.where(sa.or_(at_once, SEALED.c.disclosed_at_us.is_not(None)))
    if after:
        chosen = chosen.where(key < after)
    order = (BREAK_GLASS.c.requested_at_us.desc(), BREAK_GLASS.c.break_glass_id.desc())
    return [_break_glass(row, now_us) for row in await connection.execute(chosen.order_by(*order).limit(limit))]


def _with_openings(*columns: Any) -> sa.Select[Any]:
    opened, sealed = (one.c.break_glass_id == BREAK_GLASS.c.break_glass_id for one in (OPENINGS, SEALED))
    return sa.select(*columns).select_from(BREAK_GLASS).outerjoin(OPENINGS, opened).outerjoin(SEALED, sealed)


def _break_glass(row: sa.Row[Any], now_us: int) -> BreakGlassCase:
    asked = BreakGlassRequested.FromString(row.asked)
    approved = BreakGlassApproved.FromString(row.approved or b"")
    # What the group says comes first: it is what holds.
    ended_at_us = row.closed_at_us or row.ended_at_us
    return BreakGlassCase(
        break_glass_id=row.break_glass_id,
        group_id=row.group_id,
        state=_state(row, now_us),
        requested_by=asked.requested_by,
        requester_role=asked.role,
        approved_by=approved.approved_by,
        approver_role=approved.role,
        reason=asked.reason,
        reference=asked.reference,
        scope=asked.scope if asked.HasField("scope") else None,
        requested_at=moments.timestamp(row.requested_at_us),
        opened_at=moments.timestamp(row.opened_at_us or row.approved_at_us),
        ends_at=asked.ends_at,
        ended_at=moments.timestamp(ended_at_us),
        ended_by=row.closed_by if row.closed_at_us else row.ended_by,
        disclose_at=moments.timestamp(row.disclose_at_us),
        delay_reason=asked.delay_reason,
        disclosed_at=moments.timestamp(row.disclosed_at_us),
    )


def _state(row: sa.Row[Any], now_us: int) -> BreakGlassCase.State:
    over = row.ends_at_us <= now_us or row.closed_at_us is not None
    match row.state:
        case BreakGlassCase.STATE_REQUESTED if row.ends_at_us <= now_us:
            return BreakGlassCase.STATE_REFUSED
        case BreakGlassCase.STATE_OPEN if over:
            return BreakGlassCase.STATE_ENDED
        case state:
            return cast(BreakGlassCase.State, state)


async def _names(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> list[NameRow]:
    chosen = sa.select(GROUPS.c.group_id, GROUPS.c.labels_event, GROUPS.c.name).where(*conditions)
    rows = await connection.execute(chosen)
    return [NameRow(row.group_id, row.labels_event, Sealed.FromString(row.name)) for row in rows]


def _belongs(person_id: str, now_us: int) -> sa.ColumnElement[bool]:
    mine = sa.select(MEMBERS.c.group_id).where(MEMBERS.c.person_id == person_id, _lasts(now_us))
    return GROUPS.c.group_id.in_(mine)


def _lasts(now_us: int) -> sa.ColumnElement[bool]:
    return sa.or_(MEMBERS.c.until_us.is_(None), MEMBERS.c.until_us > now_us)


def _group(row: sa.Row[*tuple[object, ...]]) -> GroupRow:
    return GroupRow(
        group_id=row.group_id,
        kind=row.kind,
        labels=_labels(row),
        rules=Rules.FromString(row.rules),
        rules_version=row.rules_version,
        archived=row.archived,
        member_count=row.member_count,
        created_at_us=row.created_at_us,
        role=row.role or MEMBER_ROLE_UNSPECIFIED,
    )


def _labels(row: sa.Row[*tuple[object, ...]]) -> SealedLabels:
    return SealedLabels(
        group_id=row.group_id,
        event_type=row.labels_event,
        name=Sealed.FromString(row.name),
        purpose=Sealed.FromString(row.purpose),
    )
