"""Break-glass of which members are told later: whose ledger is whose, since when, and how much is not told yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.log.receipts import reader_of
from services.audit.log.transparency import TransparencyLog
from services.audit.log.vault import Row
from services.audit.views import LEDGER, SEALED
from services.common import moments
from services.common.database import Database


@dataclass(frozen=True, slots=True)
class Sealed:
    """A break-glass of which members are told later: of which group, when, and whether they were."""

    group_id: str
    disclose_at: datetime
    disclosed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """How many accesses of a month members have not been told of, and when they will have been of all of these."""

    month: datetime
    accesses: int
    told_by: datetime


class Disclosures:
    """What is told, and what is not yet."""

    def __init__(self, database: Database, log: TransparencyLog) -> None:
        self._database = database
        self._log = log

    async def all(self) -> Mapping[str, Sealed]:
        """Every such break-glass, by its id."""
        async with self._database.read() as connection:
            return {row.break_glass_id: _sealed(row) for row in await connection.execute(sa.select(SEALED))}

    async def find(self, group_id: str, access_id: str, person_id: str) -> Row | None:
        """What the log has of an access to the group; None where members have not been told of it, but its reader."""
        receipts = await self._log.receipts()
        if row := await receipts.find(group_id, access_id):
            return row
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(SEALED).where(SEALED.c.group_id == group_id))
            cases = {row.break_glass_id: _sealed(row) for row in rows}
        for break_glass_id, case in cases.items():
            row = await receipts.find(break_glass_id, access_id)
            if row and (case.disclosed_at or reader_of(row)[0] == person_id):
                return row
        return None

    async def untold(self) -> Sequence[Month]:
        """How many accesses members have not been told of, newest month first."""
        hours = (
            sa.select(
                LEDGER.c.hour, sa.func.count().label("accesses"), sa.func.max(SEALED.c.disclose_at_us).label("by")
            )
            .join(SEALED, SEALED.c.break_glass_id == LEDGER.c.group_id)
            .where(SEALED.c.disclosed_at_us.is_(None), LEDGER.c.repeats.is_(False))
            .group_by(LEDGER.c.hour)
        )
        found: dict[datetime, Month] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(hours):
                month = datetime.fromtimestamp(row.hour * 3600, UTC).replace(day=1, hour=0)
                known = found.get(month, Month(month, 0, month))
                told_by = max(known.told_by, moments.moment(row.by))
                found[month] = Month(month, known.accesses + row.accesses, told_by)
        return [found[month] for month in sorted(found, reverse=True)]


async def told(connection: AsyncConnection, group_ids: Collection[str]) -> Mapping[str, str]:
    """The break-glass of these groups of which their members were told later, each with its group."""
    found = sa.select(SEALED.c.break_glass_id, SEALED.c.group_id).where(
        SEALED.c.disclosed_at_us.is_not(None), SEALED.c.group_id.in_(list(group_ids))
    )
    return {row.break_glass_id: row.group_id for row in await connection.execute(found)}


async def groups_of(connection: AsyncConnection, ledgers: Collection[str]) -> Sequence[str]:
    """The groups whose ledgers these are, each once; of break-glass, those of which members were told."""
    found = sa.select(SEALED.c.break_glass_id, SEALED.c.group_id, SEALED.c.disclosed_at_us).where(
        SEALED.c.break_glass_id.in_(list(ledgers))
    )
    cases = {row.break_glass_id: row.group_id if row.disclosed_at_us else "" for row in await connection.execute(found)}
    groups = dict.fromkeys(cases.get(one, one) for one in ledgers)
    groups.pop("", None)
    return list(groups)


def _sealed(row: sa.Row[tuple[object, ...]]) -> Sealed:
    disclosed_at = moments.moment(row.disclosed_at_us) if row.disclosed_at_us else None
    return Sealed(row.group_id, moments.moment(row.disclose_at_us), disclosed_at)
