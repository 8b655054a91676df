"""SQL reads of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ACTION_LIVE, ACTION_UNSPECIFIED, READER_KIND_UNSPECIFIED, Action, ReaderKind
from regard.common.v1.common_pb2 import PURPOSE_UNSPECIFIED, Purpose
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import disclosures
from services.audit.shown import Counted, Line, Row, Shown
from services.audit.views import AUTHORS, HEADS, HOUR_US, LEDGER, MESSAGES, OBJECTS, PLACES_PER_EVENT, SEALED

HOURS_PER_DAY = 24
_ENDLESS = 2**62
"""An hour after all."""

_KEY = ("group_id", "hour", "action", "named", "kind", "purpose", "reference")
"""What accesses that are one line have in common."""

Key = tuple[int, int]
"""Where a list stands: the place that bounds it since its first page, and the place of the last line given."""


Mark = tuple[int, int]
"""How far a watch has come: the position of an event, and the place of an access that it recorded or ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accesses. `shown`: the groups, each with how its readers appear; empty bounds are none.

    `cases`: break-glass of these groups of which members were told later, whose ledgers are among them, by id.
    """

    shown: Mapping[str, Shown]
    object_id: str = ""
    author_id: str = ""
    reader_id: str = ""
    reader_kind: ReaderKind = READER_KIND_UNSPECIFIED
    action: Action = ACTION_UNSPECIFIED
    purpose: Purpose = PURPOSE_UNSPECIFIED
    from_us: int | None = None
    to_us: int | None = None
    cases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Day:
    """Accesses of one day that have all of these in common. `day`: since 1970, in UTC."""

    day: int
    reader_kind: ReaderKind
    action: Action
    purpose: Purpose
    accesses: int
    readers: int
    groups: int


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first, and where the list goes on; None at its end."""

    lines: Sequence[Line]
    next: Key | None


async def lines(connection: AsyncConnection, wanted: Wanted, after: Key | None, size: int) -> Page:
    """The lines after `after`. Accesses that come while a list is read are not in its later pages."""
    await _plan_for_these(connection)
    wanted = await _with_cases(connection, wanted)
    until = after[0] if after else await _newest(connection)
    tops = _tops(wanted, LEDGER.c.place <= until, near=[*_candidates(wanted), *await _span(connection, wanted)])
    found = sa.select(tops).order_by(tops.c.place.desc()).limit(size + 1)
    if after:
        found = found.where(tops.c.place < after[1])
    rows = (await connection.execute(found)).all()
    named = await _rows(connection, [row.place for row in rows[:size] if row.named])
    counted = await _counts(connection, wanted, until, [row for row in rows[:size] if not row.named])
    shown = [named[row.place] if row.named else counted[row.place] for row in rows[:size]]
    return Page(shown, (until, rows[size - 1].place) if len(rows) > size else None)


async def line_of(connection: AsyncConnection, wanted: Wanted, place: int) -> Line | None:
    """The line of the access at `place`, as it was when that was recorded; None if it is not among those wanted."""
    await _plan_for_these(connection)
    this = LEDGER.alias()
    same_hour = LEDGER.c.hour == sa.select(this.c.hour).where(this.c.place == place).scalar_subquery()
    grouped = _grouped(wanted, same_hour, LEDGER.c.place <= place)
    row = (await connection.execute(sa.select(grouped).where(grouped.c.place == place))).first()
    if row is None:
        return None
    return (await _rows(connection, [place]))[place] if row.named else _counted(row, wanted)


async def changes(connection: AsyncConnection, group_id: str, after: Mark, limit: int) -> Sequence[Mark]:
    """What was recorded or ended in the group after that mark, in order."""
    position, place = after
    later = sa.tuple_(LEDGER.c.position, LEDGER.c.place) > sa.tuple_(sa.literal(position), sa.literal(place))
    found = (
        sa.select(LEDGER.c.position, LEDGER.c.place)
        .where(LEDGER.c.group_id == group_id, LEDGER.c.repeats.is_(False), later)
        .order_by(LEDGER.c.position, LEDGER.c.place)
        .limit(limit)
    )
    return [(row.position, row.place) for row in await connection.execute(found)]


async def head(connection: AsyncConnection, group_id: str) -> tuple[int, int]:
    """Revision and position of the newest access event of the group; -1 and 0 if there is none."""
    found = sa.select(HEADS.c.revision, HEADS.c.position).where(HEADS.c.group_id == group_id)
    row = (await connection.execute(found)).first()
    return (row.revision, row.position) if row else (-1, 0)


async def groups_about(connection: AsyncConnection, author_id: str) -> Sequence[str]:
    """The groups in which somebody may have accessed what the author wrote."""
    found = sa.union(
        sa.select(AUTHORS.c.group_id).where(AUTHORS.c.author_id == author_id),
        sa.select(MESSAGES.c.group_id).where(MESSAGES.c.author_id == author_id),
    )
    return await disclosures.groups_of(connection, (await connection.execute(found)).scalars().all())


async def groups_read_by(connection: AsyncConnection, reader_id: str) -> Sequence[str]:
    """The groups that the reader accessed, and the break-glass under which they did before members were told."""
    found = sa.select(LEDGER.c.group_id).where(LEDGER.c.reader_id == reader_id).distinct()
    return (await connection.execute(found)).scalars().all()


async def count(connection: AsyncConnection, wanted: Wanted, most: int) -> int:
    """How many such accesses there are, counted to `most`."""
    await _plan_for_these(connection)
    wanted = await _with_cases(connection, wanted)
    found = sa.select(LEDGER.c.place).where(LEDGER.c.repeats.is_(False), *_conditions(wanted)).limit(most).subquery()
    return int((await connection.execute(sa.select(sa.func.count()).select_from(found))).scalar_one())


async def groups_of(connection: AsyncConnection, wanted: Wanted, limit: int) -> Sequence[str]:
    """The groups that hold such accesses, wherever they are; `wanted.shown` is not looked at."""
    found = sa.select(LEDGER.c.group_id).where(LEDGER.c.repeats.is_(False), *_about(wanted)).distinct().limit(limit)
    return await disclosures.groups_of(connection, (await connection.execute(found)).scalars().all())


async def days(connection: AsyncConnection, wanted: Wanted) -> Sequence[Day]:
    """How many such accesses there are by day, capacity, action and purpose; newest day first."""
    await _plan_for_these(connection)
    wanted = await _with_cases(connection, wanted)
    group_id = (
        sa.case(wanted.cases, value=LEDGER.c.group_id, else_=LEDGER.c.group_id) if wanted.cases else LEDGER.c.group_id
    )
    day = (LEDGER.c.hour // HOURS_PER_DAY).label("day")
    key = (day, LEDGER.c.reader_kind, LEDGER.c.action, LEDGER.c.purpose)
    counts = (
        sa.func.count().label("accesses"),
        sa.func.count(LEDGER.c.reader_id.distinct()).label("readers"),
        sa.func.count(group_id.distinct()).label("groups"),
    )
    found = (
        sa.select(*key, *counts)
        .where(LEDGER.c.repeats.is_(False), *_conditions(wanted))
        .group_by(*key)
        .order_by(day.desc(), *key[1:])
    )
    return [Day(**row) for row in (await connection.execute(found)).mappings()]


async def _with_cases(connection: AsyncConnection, wanted: Wanted) -> Wanted:
    """With the ledgers of break-glass of which the members of these groups were told later."""
    cases = await disclosures.told(connection, wanted.shown)
    shown = {one: wanted.shown[group_id] for one, group_id in cases.items()}
    return replace(wanted, shown={**shown, **wanted.shown}, cases=cases)


async def _plan_for_these(connection: AsyncConnection) -> None:
    """Has PostgreSQL plan for the values at hand: a plan for any group is a bad one for the largest groups.

    And has it read indexes in order: it cannot know that the newest of an hour's line is among the first that it sees,
    and would fetch and sort the whole hour for each access.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
        await connection.execute(sa.text("SET LOCAL enable_bitmapscan = off"))


def _tops(wanted: Wanted, *conditions: sa.ColumnElement[bool], near: Sequence[sa.ColumnElement[bool]]) -> sa.Subquery:
    """The newest access of each line, so that a page is read from its own accesses, and not from all of a group's.

    Whether one is the newest is looked up for each by itself: a join would be made of all of them. `near`: what all
    those wanted fulfil anyway, for the database to begin with.
    """
    accesses, others = _accesses(wanted, *conditions, *near), _accesses(wanted, *conditions)
    newest = (
        sa.select(others.c.place)
        .where(*(others.c[name] == accesses.c[name] for name in _KEY))
        .order_by(others.c.place.desc())
        .limit(1)
        .correlate(accesses)
        .scalar_subquery()
    )
    return (
        sa.select(accesses.c.group_id, accesses.c.hour, accesses.c.named, accesses.c.place)
        .where(sa.or_(accesses.c.named != "", accesses.c.place == newest))
        .subquery()
    )


def _grouped(wanted: Wanted, *conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    """One row a line: named accesses each by itself, the others by hour, action, and what the rules show of them."""
    accesses = _accesses(wanted, *conditions)
    key = [accesses.c[name] for name in _KEY]
    return (
        sa.select(
            *key,
            sa.func.count().label("accesses"),
            sa.func.count(accesses.c.reader_id.distinct()).label("readers"),
            sa.func.max(accesses.c.place).label("place"),
        )
        .group_by(*key)
        .subquery()
    )


def _accesses(wanted: Wanted, *conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    silent = LEDGER.c.group_id.in_([group_id for group_id, shown in wanted.shown.items() if not shown.capacity])
    return (
        sa.select(
            LEDGER.c.group_id,
            LEDGER.c.hour,
            LEDGER.c.action,
            LEDGER.c.reader_id,
            LEDGER.c.place,
            sa.case((_unnamed(wanted.shown), ""), else_=LEDGER.c.access_id).label("named"),
            sa.case((silent, 0), else_=LEDGER.c.reader_kind).label("kind"),
            sa.case((silent, 0), else_=LEDGER.c.purpose).label("purpose"),
            sa.case((silent, ""), else_=LEDGER.c.purpose_reference).label("reference"),
        )
        .where(LEDGER.c.repeats.is_(False), *_conditions(wanted), *conditions)
        .subquery()
    )


def _unnamed(shown: Mapping[str, Shown]) -> sa.ColumnElement[bool]:
    groups: dict[Shown, list[str]] = {}
    for group_id, how in shown.items():
        groups.setdefault(how, []).append(group_id)
    return sa.or_(
        sa.false(),
        *(
            LEDGER.c.group_id.in_(group_ids)
            if how.unnamed is None
            else sa.and_(
                LEDGER.c.group_id.in_(group_ids), LEDGER.c.reader_kind.in_([int(kind) for kind in how.unnamed])
            )
            for how, group_ids in groups.items()
            if how.unnamed != ()
        ),
    )


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield LEDGER.c.group_id.in_(list(wanted.shown))
    yield from _about(wanted)


def _about(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.object_id:
        this = MESSAGES.c.message_id == wanted.object_id
        named = _touched(OBJECTS, OBJECTS.c.object_id == wanted.object_id)
        yield sa.or_(named, _read_in_a_run(this), _followed(this))
    if wanted.author_id:
        theirs = MESSAGES.c.author_id == wanted.author_id
        yield sa.or_(_touched(AUTHORS, AUTHORS.c.author_id == wanted.author_id), _followed(theirs))
    if wanted.reader_id:
        yield LEDGER.c.reader_id == wanted.reader_id
    if wanted.reader_kind:
        yield LEDGER.c.reader_kind == int(wanted.reader_kind)
    if wanted.action:
        yield LEDGER.c.action == int(wanted.action)
    if wanted.purpose:
        yield LEDGER.c.purpose == int(wanted.purpose)
    if wanted.from_us is not None:
        yield LEDGER.c.at_us >= wanted.from_us
    if wanted.to_us is not None:
        yield LEDGER.c.at_us < wanted.to_us


def _candidates(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    """Accesses that may be about the object, or what the author wrote: few, and found from there by an index.

    Live accesses are all among them, since what was delivered under them is known by comparing only.
    """
    about: list[sa.Select[tuple[int]]] = []
    if wanted.object_id:
        this, run = MESSAGES.alias(), OBJECTS.alias()
        in_a_run = sa.and_(
            run.c.object_id == this.c.room_id,
            this.c.sequence.between(run.c.first, run.c.last),
        )
        about.append(_places(wanted, OBJECTS, OBJECTS.c.object_id == wanted.object_id))
        about.append(_places(wanted, run, this.c.message_id == wanted.object_id, in_a_run))
    elif wanted.author_id:
        about.append(_places(wanted, AUTHORS, AUTHORS.c.author_id == wanted.author_id))
    if about:
        live = LEDGER.alias()
        in_groups = live.c.group_id.in_(list(wanted.shown))
        about.append(sa.select(live.c.place).where(in_groups, live.c.action == int(ACTION_LIVE)))
        yield LEDGER.c.place.in_(sa.union_all(*about))


def _places(wanted: Wanted, table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    """Places of the accesses that these rows are about."""
    them = LEDGER.alias()
    same = (table.c[name] == them.c[name] for name in ("group_id", "revision", "index"))
    return sa.select(them.c.place).where(*conditions, *same, them.c.group_id.in_(list(wanted.shown)))


async def _span(connection: AsyncConnection, wanted: Wanted) -> Sequence[sa.ColumnElement[bool]]:
    """The places between which all of one group's accesses in the period are: hours nearly, not wholly, follow places.

    Found by three looks at an index for each hour that has some.
    """
    if len(wanted.shown) != 1 or (wanted.from_us is None and wanted.to_us is None):
        return ()
    (group_id,) = wanted.shown
    first = 0 if wanted.from_us is None else wanted.from_us // HOUR_US
    last = _ENDLESS if wanted.to_us is None else wanted.to_us // HOUR_US

    def next_hour(condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.min(LEDGER.c.hour)).where(LEDGER.c.group_id == group_id, condition).scalar_subquery()

    hours = sa.select(next_hour(LEDGER.c.hour >= first).label("hour")).cte(recursive=True)
    hours = hours.union_all(
        sa.select(next_hour(LEDGER.c.hour > hours.c.hour).correlate(hours)).where(hours.c.hour < last)
    )
    in_hour = (LEDGER.c.group_id == group_id, LEDGER.c.hour == hours.c.hour)
    lowest, highest = (
        sa.select(one(LEDGER.c.place)).where(*in_hour).correlate(hours).scalar_subquery()
        for one in (sa.func.min, sa.func.max)
    )
    found = sa.select(sa.func.min(lowest), sa.func.max(highest)).select_from(hours)
    low, high = (await connection.execute(found)).one()
    return (LEDGER.c.place >= low, LEDGER.c.place <= high) if low is not None else (sa.false(),)


def _read_in_a_run(messages: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Accesses to runs that hold one of these messages."""
    inside = sa.exists().where(
        messages,
        MESSAGES.c.room_id == OBJECTS.c.object_id,
        MESSAGES.c.sequence.between(OBJECTS.c.first, OBJECTS.c.last),
        MESSAGES.c.author_id != LEDGER.c.reader_id,
    )
    return _touched(OBJECTS, inside.correlate(OBJECTS, LEDGER))


def _followed(messages: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Live accesses under which one of these messages was delivered: sent after they began, before they ended."""
    during = sa.exists().where(
        messages,
        MESSAGES.c.group_id == OBJECTS.c.group_id,
        OBJECTS.c.object_id.in_((MESSAGES.c.room_id, MESSAGES.c.group_id)),
        MESSAGES.c.position * PLACES_PER_EVENT > LEDGER.c.place,
        sa.or_(LEDGER.c.last_position.is_(None), MESSAGES.c.position <= LEDGER.c.last_position),
        MESSAGES.c.author_id != LEDGER.c.reader_id,
    )
    live = LEDGER.c.action == int(ACTION_LIVE)
    return sa.and_(live, _touched(OBJECTS, during.correlate(OBJECTS, LEDGER)))


def _touched(table: sa.Table, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    place = (LEDGER.c.group_id, LEDGER.c.revision, LEDGER.c.index)
    return sa.exists().where(condition, *(table.c[column.name] == column for column in place)).correlate(LEDGER)


async def _newest(connection: AsyncConnection) -> int:
    found = await connection.execute(sa.select(sa.func.coalesce(sa.func.max(LEDGER.c.place), 0)))
    return int(found.scalar_one())


async def _counts(
    connection: AsyncConnection, wanted: Wanted, until: int, tops: Sequence[sa.Row[tuple[object, ...]]]
) -> dict[int, Counted]:
    """The lines that count, by the place of their newest access."""
    if not tops:
        return {}
    hours = sorted({row.hour for row in tops})
    grouped = _grouped(wanted, LEDGER.c.place <= until, LEDGER.c.hour.in_(hours))
    found = sa.select(grouped).where(grouped.c.place.in_([row.place for row in tops]))
    return {row.place: _counted(row, wanted) for row in await connection.execute(found)}


async def _rows(connection: AsyncConnection, places: Sequence[int]) -> dict[int, Row]:
    columns = (LEDGER.c[name] for name in ("revision", "index", "of", "record", "ended_at_us", "place"))
    group_id = sa.func.coalesce(SEALED.c.group_id, LEDGER.c.group_id).label("group_id")
    of_case = SEALED.c.break_glass_id == LEDGER.c.group_id
    found = sa.select(group_id, *columns, SEALED.c.disclosed_at_us).outerjoin_from(LEDGER, SEALED, of_case)
    rows = (await connection.execute(found.where(LEDGER.c.place.in_(places)))).mappings()
    return {row["place"]: Row(**row) for row in rows}


def _counted(row: sa.Row[tuple[object, ...]], wanted: Wanted) -> Counted:
    return Counted(
        group_id=wanted.cases.get(row.group_id, row.group_id),
        hour=row.hour,
        reader_kind=row.kind,
        action=row.action,
        purpose=row.purpose,
        purpose_reference=row.reference,
        accesses=row.accesses,
        readers=row.readers,
    )
