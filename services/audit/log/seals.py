"""Says of entries that members are told of later until when they stay closed, by records that name nothing else.

Whoever monitors the log counts what stays closed. After the date a seal explains nothing any more: entries that are not
opened by then are unexplained, for everybody to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.audit.log.records import seal
from services.audit.log.vault import LOCK, RECORDS, SEALS, add_of_log, leaves_of, reading, runs
from services.audit.views import METADATA, SEALED
from services.common import moments
from services.common.clock import Clock
from services.common.database import Database
from services.common.errors import Kind, Refused
from services.common.telemetry import logger

PAUSE_S = 2.0
GRACE = timedelta(hours=1)
"""How long after the date a seal still counts, so that telling members may take a moment."""

_MOST_ROWS = 5000
"""In one seal; more take several."""

_log = logger(__name__)


class Seals:
    """Keeps them up with the entries. Several processes may: whoever comes second finds nothing left."""

    def __init__(self, vault: Database, views: Database, clock: Clock) -> None:
        self._vault = vault
        self._views = views
        self._clock = clock

    async def run(self) -> None:
        """Seals what is new, for ever. Raises Refused for what waiting would not cure."""
        while True:
            try:
                await self._views.create(METADATA)  # the view makes its own tables, maybe later
                while True:
                    await self.turn()
                    await asyncio.sleep(PAUSE_S)
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("entries wait to be sealed", exc_info=refused)
                await asyncio.sleep(PAUSE_S)

    async def turn(self) -> int:
        """Seals what is new; how many entries that are."""
        # of one that nobody approved members are never told, and no seal explains anything after its date
        open_since = moments.microseconds(self._clock() - GRACE)
        chosen = sa.select(SEALED.c.break_glass_id, SEALED.c.disclose_at_us).where(
            SEALED.c.disclosed_at_us.is_(None), SEALED.c.disclose_at_us > open_since
        )
        async with self._views.read() as connection:
            cases = (await connection.execute(chosen)).all()
        sealed = 0
        for case in cases:
            until = moments.moment(case.disclose_at_us) + GRACE
            while some := await self._seal_some(case.break_glass_id, until):
                sealed += some
        return sealed

    async def covered(self) -> Mapping[str, tuple[int, int]]:
        """By break-glass: up to which leaf its entries are sealed, and the row of the last seal that says so."""
        async with self._vault.read() as connection:
            rows = await connection.execute(sa.select(SEALS))
            return {row.break_glass_id: (row.up_to_leaf, row.seal) for row in rows}

    async def _seal_some(self, break_glass_id: str, until: datetime) -> int:
        up_to = sa.select(SEALS.c.up_to_row).where(SEALS.c.break_glass_id == break_glass_id).scalar_subquery()
        new = (
            sa.select(RECORDS.c.number)
            .where(
                RECORDS.c.group_id == break_glass_id,
                RECORDS.c.number > sa.func.coalesce(up_to, -1),
                RECORDS.c.number < sa.select(LOCK.c.rows).scalar_subquery(),
                RECORDS.c.tombstone.is_(None),
            )
            .order_by(RECORDS.c.number)
            .limit(_MOST_ROWS)
        )

        def sealed(transaction: sa.Connection) -> int:
            if not transaction.execute(new.limit(1)).first():
                return 0
            before = reading(transaction)
            numbers = transaction.execute(new).scalars().all()
            if not numbers:
                return 0
            leaves = leaves_of(transaction, numbers)
            add_of_log(transaction, before, seal(runs(leaves), until), self._clock())
            reach = {"up_to_row": numbers[-1], "up_to_leaf": leaves[-1], "seal": before.rows}
            row = insert(SEALS).values(break_glass_id=break_glass_id, **reach)
            transaction.execute(row.on_conflict_do_update(index_elements=["break_glass_id"], set_=reach))
            return len(numbers)

        return await self._vault.write(sealed)
