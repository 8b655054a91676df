"""What the entries of the log are: how many of each kind, as of the last midnight."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.audit.log.vault import LOCK, RECORDS, leaves_of
from services.common.database import Database
from services.common.moments import microseconds


@dataclass(frozen=True, slots=True)
class Kinds:
    """How many of the first `entries` of the log are what; the other four add up to it."""

    entries: int
    open: int
    chaff: int
    sealed: int
    erased: int


async def kinds(vault: Database, before: datetime, sealed: Collection[str]) -> Kinds:
    """Counts up to the last entry for a row that was written before then.

    `sealed`: the break-glass of which members are told later, whose rows have their ids in place of a group's.
    """
    in_log = sa.select(LOCK.c.rows).scalar_subquery()
    last = (
        sa.select(RECORDS.c.number)
        .where(RECORDS.c.number < in_log, RECORDS.c.recorded_at_us < microseconds(before))
        .order_by(RECORDS.c.number.desc())
        .limit(1)
    )
    erased = RECORDS.c.tombstone.is_not(None)

    def counted(transaction: sa.Connection) -> Kinds:
        number = transaction.execute(last).scalar()
        if number is None:
            return Kinds(0, 0, 0, 0, 0)
        (leaf,) = leaves_of(transaction, [number])
        gone = transaction.execute(_count(number).where(erased)).scalar_one()
        later = transaction.execute(_count(number).where(~erased, RECORDS.c.group_id.in_(list(sealed)))).scalar_one()
        entries, rows = leaf + 1, number + 1
        return Kinds(entries, rows - gone - later, entries - rows, later, gone)

    async with vault.read() as connection:  # it may take seconds
        return await connection.run_sync(counted)


def _count(up_to: int) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(RECORDS).where(RECORDS.c.number <= up_to)
