"""Keeps to the retention, and lets go of the accesses of groups that were deleted.

What is due is found in the vault, again and again, so that nothing is forgotten whatever was interrupted, nor what was
not in the log yet when it was due. First an event says what goes, so that the ledger, and every ledger that is filled
anew, lets go of it; then what opens its entries in the log is destroyed.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ERASURE_EXPIRED, ERASURE_GROUP_DELETED, AccessesErased

from services.audit.log.erasing import RETENTION, Erasing
from services.audit.log.vault import Reach
from services.audit.refusals import LONG_RETENTION
from services.audit.views import DELETED, METADATA, SEALED
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import CommandContext, append_unconditionally
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import stream_name
from services.common.moments import microseconds, timestamp_of
from services.common.settings import Settings
from services.common.telemetry import logger

ACTOR = "service:audit"
PAUSE_S = 60.0
_STEP = timedelta(hours=12)
"""Accesses expire in steps of that, so that a group costs few events; shorter than the event store's margin."""

_MONTHS_WITHOUT_REASON = 12
_AT_ONCE = 50

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long accesses are kept, in months and as a period, and why if that is longer than a year."""

    months: int
    period: timedelta
    justification: str

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """What the settings say. Raises Refused (AUD-50)."""
        if settings.ledger_months > _MONTHS_WITHOUT_REASON and not settings.ledger_justification.strip():
            raise LONG_RETENTION(months=str(settings.ledger_months))
        return cls(settings.ledger_months, settings.ledger_retention, settings.ledger_justification)

    def before(self, now: datetime) -> datetime:
        """What was allowed before then has expired."""
        oldest, first = now - self.period, datetime.min.replace(tzinfo=UTC)
        return oldest - (oldest - first) % _STEP


class Forgetting:
    """Does what is due. Several processes may: whoever comes second finds nothing left, or says the same again."""

    def __init__(
        self, store: EventStore, codec: Codec, views: Database, erasing: Erasing, retention: Retention
    ) -> None:
        self._store = store
        self._codec = codec
        self._views = views
        self._erasing = erasing
        self._retention = retention

    async def run(self) -> None:
        """Does what is due, for ever. Raises Refused for what waiting would not cure."""
        while True:
            await asyncio.sleep(PAUSE_S)  # first, since nothing of it is urgent when a process starts
            try:
                await self._views.create(METADATA)  # the view makes its own tables, maybe later
                await self.turn()
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("accesses wait to be erased", exc_info=refused)

    async def turn(self) -> int:
        """Does what is due now; how many records of the log that were."""
        return await self._deleted() + await self._expired()

    async def _expired(self) -> int:
        kept = self._retention
        before = kept.before(self._erasing.clock())
        but = await self._untold(before)
        said = AccessesErased(
            reason=ERASURE_EXPIRED,
            requested_by=RETENTION,
            before=timestamp_of(before),
            months=kept.months,
            justification=kept.justification,
        )
        await self._say(said, await self._erasing.old(before, but))
        return await self._erasing.expire(before, but)

    async def _untold(self, before: datetime) -> Sequence[str]:
        """Break-glass of which members have not been told for as long as accesses are kept."""
        not_yet = sa.or_(SEALED.c.disclosed_at_us.is_(None), SEALED.c.disclosed_at_us >= microseconds(before))
        async with self._views.read() as connection:
            return (await connection.scalars(sa.select(SEALED.c.break_glass_id).where(not_yet))).all()

    async def _deleted(self) -> int:
        async with self._views.read() as connection:
            deleted_by = {row.group_id: row.deleted_by for row in await connection.execute(sa.select(DELETED))}
        erased = 0
        for reach in await self._erasing.of_groups(deleted_by):
            who = deleted_by[reach.group_id]
            await self._say(AccessesErased(reason=ERASURE_GROUP_DELETED, requested_by=who), [reach])
            erased += await self._erasing.erase_group(reach, who)
        return erased

    async def _say(self, said: AccessesErased, reaches: Sequence[Reach]) -> None:
        for start in range(0, len(reaches), _AT_ONCE):
            await asyncio.gather(*(self._append(said, reach) for reach in reaches[start : start + _AT_ONCE]))

    async def _append(self, said: AccessesErased, reach: Reach) -> None:
        event = AccessesErased(group_id=reach.group_id, up_to_revision=reach.revision, up_to_position=reach.position)
        event.MergeFrom(said)
        context = CommandContext(uuid.uuid4(), ACTOR, str(uuid.uuid4()))
        await append_unconditionally(self._store, self._codec, stream_name("ledger", reach.group_id), (event,), context)
