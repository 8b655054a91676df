"""Erasing: what opens a leaf is destroyed, and a tombstone says when, why, and on whose request.

One transaction empties salts and records and writes the tombstone's row, so that no leaf is ever without explanation.
Only what is in the log already is erased: before, its salt is what makes a retry the same leaf.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from services.audit.log.records import tombstone
from services.audit.log.vault import LOCK, RECORDS, Reach, add_of_log, leaves_of, reading, runs
from services.common.clock import Clock
from services.common.database import Database
from services.common.ids import Position
from services.common.moments import microseconds

RETENTION = "retention"
"""In place of a person: who asks for what is too old."""

_MOST_ROWS = 5000
"""In one tombstone; more take several."""

_AT_ONCE = 500


class Erasing:
    """Destroys salts and records. `clock` says when."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self.clock = clock

    async def old(self, before: datetime, but: Collection[str] = ()) -> Sequence[Reach]:
        """The groups of which something is kept that was recorded before then, and up to where; none of `but`."""
        return await self._reaches(_before(before, but))

    async def of_groups(self, group_ids: Collection[str]) -> Sequence[Reach]:
        """Those of the groups of which anything is kept, and up to where."""
        found, wanted = list[Reach](), sorted(group_ids)
        for start in range(0, len(wanted), _AT_ONCE):
            found += await self._reaches(RECORDS.c.group_id.in_(wanted[start : start + _AT_ONCE]))
        return found

    async def expire(self, before: datetime, but: Collection[str] = ()) -> int:
        """Erases what was recorded before then, but of these; how many records that were."""
        return await self._erase(_before(before, but), "expired", RETENTION)

    async def erase_group(self, reach: Reach, requested_by: str) -> int:
        """Erases what is in the log of a deleted group; how many records that were. `requested_by`: an id, no name."""
        which = sa.and_(RECORDS.c.group_id == reach.group_id, RECORDS.c.revision <= reach.revision)
        return await self._erase(which, "group deleted", requested_by)

    async def _reaches(self, which: sa.ColumnElement[bool]) -> Sequence[Reach]:
        furthest = (sa.func.max(RECORDS.c.revision), sa.func.max(RECORDS.c.position))
        found = sa.select(RECORDS.c.group_id, *furthest).where(which, *_erasable()).group_by(RECORDS.c.group_id)
        async with self._database.read() as connection:
            rows = await connection.execute(found)
            return [Reach(group_id, revision, Position(position)) for group_id, revision, position in rows]

    async def _erase(self, which: sa.ColumnElement[bool], reason: str, requested_by: str) -> int:
        erased = 0
        while some := await self._erase_some(which, reason, requested_by):
            erased += some
        if erased:
            await self._database.forget_deleted()
        return erased

    async def _erase_some(self, which: sa.ColumnElement[bool], reason: str, requested_by: str) -> int:
        def erased(transaction: sa.Connection) -> int:
            before = reading(transaction)
            some = sa.select(RECORDS.c.number).where(which, *_erasable()).order_by(RECORDS.c.number).limit(_MOST_ROWS)
            numbers = transaction.execute(some).scalars().all()
            if not numbers:
                return 0
            now = self.clock()
            record = tombstone(runs(leaves_of(transaction, numbers)), reason, requested_by, now)
            add_of_log(transaction, before, record, now)
            for start in range(0, len(numbers), _AT_ONCE):
                these = RECORDS.c.number.in_(numbers[start : start + _AT_ONCE])
                emptied = sa.update(RECORDS).where(these).values(salt=None, record=None, tombstone=before.rows)
                transaction.execute(emptied)
            return len(numbers)

        return await self._database.write(erased)


def _before(moment: datetime, but: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDS.c.recorded_at_us < microseconds(moment), RECORDS.c.group_id.not_in(list(but)))


def _erasable() -> tuple[sa.ColumnElement[bool], ...]:
    """What is kept, in the log, and of a group."""
    sequenced = sa.select(LOCK.c.rows).scalar_subquery()
    return (RECORDS.c.tombstone.is_(None), RECORDS.c.number < sequenced, RECORDS.c.group_id != "")
