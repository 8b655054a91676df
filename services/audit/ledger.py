"""Reading the ledger: who may is the guard's to say, and each reading is recorded before it is answered.

Here are those concerned; auditors are in `auditors`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from regard.audit.v1.events_pb2 import READER_KIND_UNSPECIFIED

from services.access import Action, Guard, Object, Sight
from services.audit import queries
from services.audit.disclosures import Disclosures
from services.audit.log.receipts import reader_of
from services.audit.log.transparency import TransparencyLog
from services.audit.queries import Key, Page, Wanted
from services.audit.refusals import NO_SUCH_ACCESS, READER_NOT_SHOWN
from services.audit.shown import Shown, by_name, by_rule
from services.audit.views import HOUR_US
from services.common.database import Database
from services.common.rpc import Caller


@dataclass(frozen=True, slots=True)
class Period:
    """From when to before when, in microseconds since 1970; None is no bound."""

    from_us: int | None = None
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list: how many lines, after which."""

    size: int
    after: Key | None = None


class Ledger:
    """The ledger as those concerned may read it."""

    def __init__(self, guard: Guard, database: Database, log: TransparencyLog, disclosures: Disclosures) -> None:
        self._guard = guard
        self._database = database
        self._log = log
        self._disclosures = disclosures

    async def of_group(
        self, caller: Caller, group_id: str, object_id: str, period: Period, part: Part
    ) -> tuple[Page, int]:
        """Accesses to the group, or to one object of it, and the revision up to which places have no gap."""
        sight = await self._guard.sight(caller, group_id, Action.READ_LEDGER)
        await self._guard.enter(sight, (ledger_of(sight),))
        wanted = _in_groups((sight,), period)
        async with self._database.read() as connection:
            page = await queries.lines(connection, replace(wanted, object_id=object_id), part.after, part.size)
            revision, _ = await queries.head(connection, group_id)
        return page, revision

    async def by_me(self, caller: Caller, period: Period, part: Part) -> Page:
        """What the caller accessed, wherever it was. It concerns nobody else, so that it is not recorded."""
        async with self._database.read() as connection:
            groups = await queries.groups_read_by(connection, caller.person_id)
            wanted = Wanted(_by_name(groups), reader_id=caller.person_id, from_us=period.from_us, to_us=period.to_us)
            return await queries.lines(connection, wanted, part.after, part.size)

    async def about_me(self, caller: Caller, period: Period, part: Part) -> Page:
        """Who accessed what the caller wrote, in the groups whose ledger the caller reads."""
        async with self._database.read() as connection:
            groups = await queries.groups_about(connection, caller.person_id)
        sights = await self._guard.sights(caller, groups, Action.READ_LEDGER)
        await self._guard.enter_many([(sight, (ledger_of(sight),)) for sight in sights.values()])
        wanted = _in_groups(sights.values(), period)
        async with self._database.read() as connection:
            about = replace(wanted, author_id=caller.person_id)
            return await queries.lines(connection, about, part.after, part.size)

    async def receipt(self, caller: Caller, group_id: str, access_id: str) -> bytes:
        """What proves an access: to whoever looked, and to those whom the group's rules show the reader by name.

        Others get none, since the place of its leaf tells the second of an access that is shown by the hour.
        """
        row = await self._disclosures.find(group_id, access_id, caller.person_id)
        reader_id, reader_kind = reader_of(row) if row else ("", READER_KIND_UNSPECIFIED)
        if reader_id != caller.person_id:
            sight = await self._guard.sight(caller, group_id, Action.READ_LEDGER)
            await self._guard.enter(sight, (ledger_of(sight),))
            if reader_id and not by_rule(sight.policy.rules.readers).names(reader_kind):
                raise READER_NOT_SHOWN()
        if row is None:
            raise NO_SUCH_ACCESS()
        return await (await self._log.receipts()).of(row)


def ledger_of(sight: Sight) -> Object:
    """A group's ledger, as something that is accessed."""
    return Object("ledger", sight.group_id, sight.level)


def _by_name(group_ids: Collection[str]) -> dict[str, Shown]:
    return dict.fromkeys(group_ids, by_name())


def _in_groups(sights: Collection[Sight], period: Period) -> Wanted:
    shown = {sight.group_id: by_rule(sight.policy.rules.readers) for sight in sights}
    if any(how != by_name() for how in shown.values()):
        period = _whole_hours(period)
    return Wanted(shown, from_us=period.from_us, to_us=period.to_us)


def _whole_hours(period: Period) -> Period:
    """The period in whole hours: asked minute by minute, counts would tell when somebody looked."""
    return Period(
        None if period.from_us is None else period.from_us // HOUR_US * HOUR_US,
        None if period.to_us is None else -(-period.to_us // HOUR_US) * HOUR_US,
    )
