"""Erasing: what opens a leaf is destroyed, and a tombstone says when, why, and on whose request.

One transaction empties salts and records and writes the tombstone's row, so that no leaf is ever without explanation.
Only what is in the log already is erased: before, its salt is what makes a retry the same leaf.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from regard_client.verify.record import SALT_BYTES
from services.audit.log.records import committed, tombstone
from services.audit.log.vault import LOCK, RECORDS, RUNS, add, reading
from services.common.clock import Clock
from services.common.database import Database
from services.common.moments import microseconds

RETENTION = timedelta(days=365)
"""How long the ledger keeps what opens its leaves."""

EXPIRED = "expired"
_MOST_ROWS = 5000
"""In one tombstone; more take several."""

_UPDATED_AT_ONCE = 500


class Erasing:
    """Destroys salts and records."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def expire(self) -> int:
        """Erases what is older than the retention; how many records that were."""
        before_us = microseconds(self._clock() - RETENTION)
        return await self._erase(RECORDS.c.recorded_at_us < before_us, EXPIRED, "retention")

    async def erase_group(self, group_id: str, reason: str, requested_by: str) -> int:
        """Erases what is in the log of a group; how many records that were."""
        return await self._erase(RECORDS.c.group_id == group_id, reason, requested_by)

    async def _erase(self, which: sa.ColumnElement[bool], reason: str, requested_by: str) -> int:
        erased = 0
        while some := await self._erase_some(which, reason, requested_by):
            erased += some
        if erased:
            await self._database.forget_deleted()
        return erased

    async def _erase_some(self, which: sa.ColumnElement[bool], reason: str, requested_by: str) -> int:
        async with self._database.begin() as transaction:
            before = await reading(transaction)
            numbers = await _erasable(transaction, which)
            if not numbers:
                return 0
            leaves = await _leaves(transaction, numbers)
            now = self._clock()
            salt, record = secrets.token_bytes(SALT_BYTES), tombstone(_runs(leaves), reason, requested_by, now)
            row: dict[str, object] = {
                "group_id": "",
                "revision": 0,
                "index": 0,
                "access_id": "",
                "position": before.position,
                "recorded_at_us": microseconds(now),
                "commitment": committed(salt, record),
                "salt": salt,
                "record": record,
            }
            await add(transaction, before, [row], before.position)
            for start in range(0, len(numbers), _UPDATED_AT_ONCE):
                some = RECORDS.c.number.in_(numbers[start : start + _UPDATED_AT_ONCE])
                await transaction.execute(
                    sa.update(RECORDS).where(some).values(salt=None, record=None, tombstone=before.rows)
                )
        return len(numbers)


async def _erasable(transaction: AsyncConnection, which: sa.ColumnElement[bool]) -> Sequence[int]:
    sequenced = sa.select(LOCK.c.rows).scalar_subquery()
    found = (
        sa.select(RECORDS.c.number)
        .where(which, RECORDS.c.group_id != "", RECORDS.c.tombstone.is_(None), RECORDS.c.number < sequenced)
        .order_by(RECORDS.c.number)
        .limit(_MOST_ROWS)
    )
    return (await transaction.execute(found)).scalars().all()


async def _leaves(transaction: AsyncConnection, numbers: Sequence[int]) -> list[int]:
    """Which leaves these rows are, in order."""
    overlapping = sa.select(RUNS).where(RUNS.c.first_row <= numbers[-1], RUNS.c.first_row + RUNS.c.rows > numbers[0])
    shift: dict[int, int] = {}
    for run in (await transaction.execute(overlapping)).all():
        shift |= dict.fromkeys(range(run.first_row, run.first_row + run.rows), run.first_leaf - run.first_row)
    return [number + shift[number] for number in numbers]


def _runs(leaves: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours."""
    runs: list[tuple[int, int]] = []
    for one in leaves:
        if runs and runs[-1][1] == one - 1:
            runs[-1] = runs[-1][0], one
        else:
            runs.append((one, one))
    return runs
