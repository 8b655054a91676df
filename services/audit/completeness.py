"""Whether the ledger and the log hold all that the guards recorded, once each, and nothing else.

Three are compared: what the guards counted, in their memory; what the ledger's table holds, which came by Kafka; and
what the log has read, straight from the event store. Of five minutes and a group, numbers and digests must agree; of
each access of the ledger, the log must have the place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import sqlalchemy as sa
from regard.audit.v1.audit_pb2 import CheckCompletenessResponse as Answer

from services.access import Action, Guard
from services.access.counting import digest_of, span_of
from services.audit.auditors import Why
from services.audit.counts import SPAN_US, Count, Counts, counts
from services.audit.ledger import Period, ledger_of
from services.audit.log.places import Places
from services.audit.views import ERASED, HEADS, LEDGER
from services.common.clock import Clock
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.moments import microseconds, timestamp
from services.common.rpc import Caller

MOST_DIFFERENCES = 1000

_PATIENCE_S = 5.0
_PAUSE_S = 0.1

Difference = Answer.Difference


@dataclass(slots=True)
class _Held:
    """What the ledger holds of one group in the time."""

    group_id: str
    cells: dict[int, Count] = field(default_factory=dict)
    places: dict[tuple[int, int], str] = field(default_factory=dict)
    twice: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Compared:
    """The answer as it is put together. `erased`: up to when each group's accesses are erased."""

    counts: Counts
    erased: Mapping[str, int]
    answer: Answer
    differences: list[Difference] = field(default_factory=list)

    def compare(self, group_id: str, told: Mapping[int, Count], held: Mapping[int, Count]) -> None:
        """What was counted of a group with what is held of it, span by span."""
        gone_us = self.erased.get(group_id, -1)
        for span in sorted({*told, *held}):
            counted, found = told.get(span, Count()), held.get(span, Count())
            if span < gone_us:
                self.answer.erased += max(0, counted.accesses - found.accesses)
                continue
            self.answer.counted += counted.accesses
            kind = self.kind(span, counted, found)
            if kind:
                self.differences.append(
                    Difference(
                        kind=kind,
                        group_id=group_id,
                        span=timestamp(span),
                        counted=counted.accesses,
                        held=found.accesses,
                        revision=-1,
                    )
                )

    def kind(self, span: int, counted: Count, found: Count) -> Answer.Kind:
        """How they differ; unspecified if they agree, or if nobody can say that they do not."""
        more = found.accesses - counted.accesses
        if more < 0:
            return Answer.KIND_NOT_IN_LEDGER
        if more == 0:
            same = counted.digest == found.digest or counted.unsure
            return Answer.KIND_UNSPECIFIED if same else Answer.KIND_NOT_THE_SAME
        if more > counted.unsure and not any(one.may_have_recorded(span) for one in self.counts.silent):
            return Answer.KIND_NOT_COUNTED
        self.answer.uncounted += more
        return Answer.KIND_UNSPECIFIED


class Completeness:
    """The comparison, for an auditor."""

    def __init__(self, guard: Guard, store: EventStore, database: Database, places: Places, clock: Clock) -> None:
        self._guard = guard
        self._store = store
        self._database = database
        self._places = places
        self._clock = clock

    async def check(self, caller: Caller, why: Why, group_ids: Collection[str], period: Period) -> Answer:
        """What differs. Raises Refused: ACC-01 for a group that may not be looked at, ACC-07, ACC-09, ACC-10."""
        sights = await asyncio.gather(
            *(self._guard.sight(caller, one, Action.SEARCH_LEDGER) for one in dict.fromkeys(group_ids))
        )
        await asyncio.gather(*(self._guard.enter(one, (ledger_of(one),), why.purpose, why.reference) for one in sights))
        compared = await self._compared(group_ids, period)
        await self._name(caller, why, compared, {one.group_id for one in sights})
        return compared.answer

    async def _compared(self, group_ids: Collection[str], period: Period) -> _Compared:
        told = await counts(self._store, microseconds(self._clock()))
        from_us = max(told.first_us, span_of((period.from_us or 0) + SPAN_US - 1))
        to_us = told.end_us if period.to_us is None else min(told.end_us, span_of(period.to_us))
        answer = Answer(proven_from=timestamp(from_us), proven_to=timestamp(to_us))
        answer.behind = not await self._caught_up()
        compared = _Compared(told, await self._erased(), answer)
        _add_guards(answer, told, from_us)
        counted = told.by_group(from_us, to_us, group_ids)
        async for held in self._held(group_ids, from_us, to_us):
            answer.groups += 1
            answer.in_ledger += len(held.places)
            compared.compare(held.group_id, counted.pop(held.group_id, {}), held.cells)
            compared.differences += [one async for one in self._places_of(held, from_us, to_us, answer)]
        for group_id, cells in counted.items():
            answer.groups += 1
            compared.compare(group_id, cells, {})
        return compared

    async def _name(self, caller: Caller, why: Why, compared: _Compared, entered: set[str]) -> None:
        """Adds the differences to the answer: those of groups where the caller may look, once each has the record."""
        named = list(islice(compared.differences, MOST_DIFFERENCES))
        sights = await self._guard.sights(caller, {one.group_id for one in named} - entered, Action.SEARCH_LEDGER)
        await asyncio.gather(
            *(self._guard.enter(one, (ledger_of(one),), why.purpose, why.reference) for one in sights.values())
        )
        compared.answer.differences.extend(one for one in named if one.group_id in {*sights, *entered})
        compared.answer.withheld = len(compared.differences) - len(compared.answer.differences)

    async def _caught_up(self) -> bool:
        """Whether the log and the ledger have read what the event store had when this began; it waits a little."""
        head, rows = await self._store.head(("access-",)), None
        until_s = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            log = await self._places.reached()
            if rows is None and log.position >= head:
                rows = log.rows
            async with self._database.read() as connection:
                heads = {row.group_id: row.revision for row in await connection.execute(sa.select(HEADS))}
            ledger = all(heads.get(one, -1) >= revision for one, revision in log.heads.items())
            if ledger and rows is not None and log.entries >= rows:
                return True
            if asyncio.get_running_loop().time() > until_s:
                return False
            await asyncio.sleep(_PAUSE_S)

    async def _erased(self) -> dict[str, int]:
        async with self._database.read() as connection:
            return {row.group_id: row.before_us for row in await connection.execute(sa.select(ERASED))}

    async def _held(self, group_ids: Collection[str], from_us: int, to_us: int) -> AsyncIterator[_Held]:
        """What the ledger holds of each group that has anything in that time."""
        names = ("group_id", "revision", "index", "at_us", "access_id", "repeats", "record")
        chosen = sa.select(*(LEDGER.c[name] for name in names)).where(LEDGER.c.at_us >= from_us, LEDGER.c.at_us < to_us)
        if group_ids:
            chosen = chosen.where(LEDGER.c.group_id.in_(list(group_ids)))
        chosen = chosen.order_by(LEDGER.c.group_id, LEDGER.c.revision, LEDGER.c.index)
        held: _Held | None = None
        async with self._database.read() as connection, connection.stream(chosen) as rows:
            async for group_id, revision, index, at_us, access_id, repeats, record in rows:
                if held is None or held.group_id != group_id:
                    if held:
                        yield held
                    held = _Held(group_id)
                if repeats:
                    held.twice.append((revision, index, access_id))
                    continue
                held.places[revision, index] = access_id
                span = span_of(at_us)
                held.cells[span] = held.cells.get(span, Count()) + Count(1, digest_of(record))
        if held:
            yield held

    async def _places_of(self, held: _Held, from_us: int, to_us: int, answer: Answer) -> AsyncIterator[Difference]:
        """Where ledger and log differ, place by place, between the first and the last of the ledger's."""
        for revision, index, access_id in held.twice:
            yield _at(Answer.KIND_TWICE, held.group_id, revision, index, access_id)
        twice = {(revision, index) for revision, index, _ in held.twice}
        if not held.places:
            return
        first, last = min(held.places), max(held.places)
        logged = await self._places.of(held.group_id, first[0], last[0])
        entries = {(one.revision, one.index): one.access_id for one in logged if one.is_entry}
        for revision in _missing(range(first[0], last[0] + 1), {one.revision for one in logged}):
            yield _at(Answer.KIND_NO_PLACE, held.group_id, revision)
        for place, access_id in held.places.items():
            if entries.get(place) == access_id:
                answer.in_log += 1
            else:
                yield _at(Answer.KIND_NOT_IN_LOG, held.group_id, *place, access_id)
        for one in logged:
            place = one.revision, one.index
            known = place in held.places or place in twice
            # Of two guards, one may record later what it allowed earlier: the time tells what belongs here.
            if not known and one.at_us is not None and from_us <= one.at_us < to_us:
                yield _at(Answer.KIND_ONLY_IN_LOG, held.group_id, *place, one.access_id)


def _missing(expected: range, there: Collection[int]) -> Iterator[int]:
    return (one for one in expected if one not in there)


def _at(kind: Answer.Kind, group_id: str, revision: int, index: int = 0, access_id: str = "") -> Difference:
    return Difference(kind=kind, group_id=group_id, revision=revision, index=index, access_id=access_id)


def _add_guards(answer: Answer, told: Counts, from_us: int) -> None:
    silent: Sequence[str] = [one.guard_id for one in told.silent if one.at_us >= from_us]
    for one in told.tellers:
        if one in told.running or one.guard_id in silent:
            answer.guards.add(
                guard_id=one.guard_id,
                began_at=timestamp(one.began_us),
                counted_to=timestamp(one.to_us),
                silent=one.guard_id in silent,
            )
