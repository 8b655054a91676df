"""What a guard counts of the accesses that it made durable, told on `guard-<guard id>`.

Counts are the guard's own: they are kept in its memory from the answers of the event store, and reach the ledger by no
path that the accesses take. So whatever gets lost, doubled or changed on that path shows when the two are compared.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from regard.audit.v1.events_pb2 import Access, AccessesCounted

from services.common import moments
from services.common.codec import Codec
from services.common.decider import CommandContext, append_unconditionally
from services.common.errors import Refused
from services.common.eventstore import EventStore
from services.common.ids import stream_name
from services.common.telemetry import logger

SPAN = timedelta(minutes=5)
LATE = timedelta(seconds=5)
"""Longer than it takes until a record is durable or given up: what is older is in the counts."""

DIGEST_BYTES = 32

_AGAIN_S = 5.0
_LIMIT_S = 2.0
_MOST_PER_EVENT = 1000
_SPAN_US = SPAN // timedelta(microseconds=1)
_log = logger(__name__)

Cell = tuple[str, int]
"""A group, and the first moment of a span, in microseconds since 1970."""


def span_of(at_us: int) -> int:
    """The span that a moment is in."""
    return at_us // _SPAN_US * _SPAN_US


def digest_of(access: bytes) -> int:
    """What one access adds to a digest. `access`: its bytes, serialised deterministically."""
    return int.from_bytes(hashlib.sha256(access).digest(), "big")


def added(one: int, other: int) -> int:
    """The digest of both."""
    return (one + other) % (1 << 8 * DIGEST_BYTES)


@dataclass(slots=True)
class _Count:
    accesses: int = 0
    unsure: int = 0
    digest: int = 0
    told: bool = False


class Counting:
    """The counts of one guard, from its start to its end."""

    def __init__(self, store: EventStore, codec: Codec, now: Callable[[], datetime], max_age_s: int) -> None:
        self.guard_id = str(uuid.uuid4())
        self._store = store
        self._codec = codec
        self._now = now
        self._max_age_s = max_age_s
        self._kept = False
        self._counts: dict[Cell, _Count] = {}

    def durable(self, group_id: str, accesses: Iterable[Access]) -> None:
        """These are recorded."""
        for access in accesses:
            count = self._count(group_id, access)
            count.accesses += 1
            count.digest = added(count.digest, digest_of(access.SerializeToString(deterministic=True)))

    def unsure(self, group_id: str, accesses: Iterable[Access]) -> None:
        """Nobody can say whether these are recorded; they were refused."""
        for access in accesses:
            self._count(group_id, access).unsure += 1

    async def run(self) -> None:
        """Tells as it begins, and after every span, for ever."""
        while True:
            told = await self.tell()
            await asyncio.sleep(self._until_next_s() if told else _AGAIN_S)

    def _until_next_s(self) -> float:
        now = self._now()
        return (moments.moment(span_of(moments.microseconds(now - LATE))) + SPAN + LATE - now).total_seconds()

    async def tell(self, *, ended: bool = False) -> bool:
        """Tells what is new; whether that is durable. What is not is told the next time."""
        now = self._now()
        up_to = now if ended else moments.moment(span_of(moments.microseconds(now - LATE)))
        new = {cell: count for cell, count in self._counts.items() if not count.told}
        events = self._events(list(new.items()), now, up_to, ended=ended)
        for count in new.values():
            count.told = True
        try:
            async with asyncio.timeout(_LIMIT_S):
                await self._append(events)
        except (Refused, TimeoutError):
            _log.warning("counts of accesses could not be told")
            for count in new.values():
                count.told = False
            return False
        for cell, count in list(self._counts.items()):
            if count.told and cell[1] < moments.microseconds(up_to - SPAN):
                del self._counts[cell]
        return True

    async def _append(self, events: Sequence[AccessesCounted]) -> None:
        stream = stream_name("guard", self.guard_id)
        context = CommandContext(uuid.uuid4(), "service:guard", str(uuid.uuid4()))
        await append_unconditionally(self._store, self._codec, stream, events, context)
        if not self._kept:
            await self._store.set_retention(stream, max_age_s=self._max_age_s)
            self._kept = True

    def _events(
        self, new: Sequence[tuple[Cell, _Count]], now: datetime, up_to: datetime, *, ended: bool
    ) -> Sequence[AccessesCounted]:
        """One or more, the last of which says up to when all is counted."""
        parts = [new[start : start + _MOST_PER_EVENT] for start in range(0, len(new), _MOST_PER_EVENT)] or [()]
        events = [AccessesCounted(guard_id=self.guard_id, at=now, counts=map(_counted, part)) for part in parts]
        events[-1].up_to.FromDatetime(up_to)
        events[-1].ended = ended
        return events

    def _count(self, group_id: str, access: Access) -> _Count:
        count = self._counts.setdefault((group_id, span_of(access.at.ToMicroseconds())), _Count())
        count.told = False
        return count


def _counted(one: tuple[Cell, _Count]) -> AccessesCounted.Count:
    (group_id, span_us), count = one
    return AccessesCounted.Count(
        group_id=group_id,
        span=moments.timestamp(span_us),
        accesses=count.accesses,
        unsure=count.unsure,
        digest=count.digest.to_bytes(DIGEST_BYTES, "big"),
    )
