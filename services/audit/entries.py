"""What the log's entries are, and how often people asked their ledgers: for everybody, counted once a day."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ACTION_READ_LEDGER

from services.audit.log.kinds import Kinds
from services.audit.log.transparency import TransparencyLog
from services.audit.views import HOUR_US, LEDGER, SEALED
from services.common.clock import Clock
from services.common.database import Database
from services.common.moments import microseconds

_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Counted:
    """As of `before`, a midnight; `ledger_readings` in the 30 days until then."""

    before: datetime
    kinds: Kinds
    ledger_readings: int


class Entries:
    """Counts them, and keeps the answer for the day: it is the same for everybody, and takes a while."""

    def __init__(self, database: Database, log: TransparencyLog, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._kept: Counted | None = None
        self._turn = asyncio.Lock()

    async def counted(self) -> Counted:
        """Today's counts."""
        midnight = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._turn:
            if self._kept is None or self._kept.before != midnight:
                self._kept = await self._count(midnight)
            return self._kept

    async def _count(self, midnight: datetime) -> Counted:
        midnight_us = microseconds(midnight)
        later = sa.select(SEALED.c.break_glass_id).where(
            SEALED.c.disclosed_at_us.is_(None), SEALED.c.disclose_at_us > midnight_us
        )
        readings = (
            sa.select(sa.func.count())
            .select_from(LEDGER)
            .where(
                LEDGER.c.action == int(ACTION_READ_LEDGER),
                LEDGER.c.repeats.is_(False),
                LEDGER.c.hour.between(microseconds(midnight - _MONTH) // HOUR_US, midnight_us // HOUR_US - 1),
            )
        )
        async with self._database.read() as connection:
            sealed = (await connection.execute(later)).scalars().all()
            read = (await connection.execute(readings)).scalar_one()
        return Counted(midnight, await self._log.kinds(midnight, sealed), read)
