"""What the guards told of the accesses that they made durable, put together. It came by no path that accesses take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from regard.audit.v1.events_pb2 import AccessesCounted

from services.access.counting import LATE, SPAN, Cell, added, span_of
from services.common.eventstore import EventStore

_MICROSECOND = SPAN.resolution
SPAN_US = SPAN // _MICROSECOND
LATE_US = LATE // _MICROSECOND
_SILENT_US = 2 * SPAN_US + LATE_US
"""A guard that has not told anything for so long has broken down, or cannot reach the event store."""


@dataclass(frozen=True, slots=True)
class Count:
    """Accesses of one cell: a number, the digest of them, and how many more there may be."""

    accesses: int = 0
    digest: int = 0
    unsure: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.accesses + other.accesses, added(self.digest, other.digest), self.unsure + other.unsure)


@dataclass(slots=True)
class Teller:
    """One guard, in microseconds since 1970. `to_us`: all that it recorded before then is counted."""

    guard_id: str
    began_us: int
    at_us: int
    to_us: int
    ended: bool = False
    cells: dict[Cell, Count] = field(default_factory=dict)

    def is_silent(self, now_us: int) -> bool:
        """Whether it should have told something by now."""
        return not self.ended and self.at_us + _SILENT_US < now_us

    def may_have_recorded(self, span_us: int) -> bool:
        """Whether a guard that fell silent may have recorded accesses in that span without telling."""
        return self.to_us < span_us + SPAN_US and span_us < self.at_us + _SILENT_US


@dataclass(frozen=True, slots=True)
class Counts:
    """What all guards told. From `first_us` to before `end_us` every access is counted, but for `silent` guards."""

    tellers: Sequence[Teller]
    first_us: int
    end_us: int
    now_us: int

    @property
    def silent(self) -> Sequence[Teller]:
        """Guards that told no end, and nothing for a while."""
        return [one for one in self.tellers if one.is_silent(self.now_us)]

    @property
    def running(self) -> Sequence[Teller]:
        """Guards that go on telling."""
        return [one for one in self.tellers if not one.ended and not one.is_silent(self.now_us)]

    def by_group(self, from_us: int, to_us: int, group_ids: Collection[str]) -> dict[str, dict[int, Count]]:
        """The counts of all guards together, by group and span, of that time and of these groups; empty: of all."""
        found: dict[str, dict[int, Count]] = {}
        for teller in self.tellers:
            for (group_id, span), count in teller.cells.items():
                if from_us <= span < to_us and (not group_ids or group_id in group_ids):
                    cells = found.setdefault(group_id, {})
                    cells[span] = cells.get(span, Count()) + count
        return found


async def counts(store: EventStore, now_us: int) -> Counts:
    """Reads what every guard told, as far back as that is kept. Raises StoreUnavailable."""
    tellers: dict[str, Teller] = {}
    async for recorded in store.read_all(prefixes=("guard-",)):
        if recorded.type == AccessesCounted.DESCRIPTOR.full_name:
            _take(tellers, AccessesCounted.FromString(recorded.data))
    found = list(tellers.values())
    first_us = min((one.began_us for one in found), default=now_us)
    told = (one.to_us for one in found if not one.ended and not one.is_silent(now_us))
    return Counts(found, _rounded_up(first_us), span_of(min((now_us - LATE_US, *told))), now_us)


def _rounded_up(at_us: int) -> int:
    return span_of(at_us + SPAN_US - 1)


def _take(tellers: dict[str, Teller], told: AccessesCounted) -> None:
    at_us = told.at.ToMicroseconds()
    teller = tellers.setdefault(told.guard_id, Teller(told.guard_id, began_us=at_us, at_us=at_us, to_us=0))
    teller.at_us = max(teller.at_us, at_us)
    if told.HasField("up_to"):
        teller.to_us = max(teller.to_us, told.up_to.ToMicroseconds())
    teller.ended = teller.ended or told.ended
    for one in told.counts:
        # Told whole each time, so that an event that was appended twice changes nothing.
        count = Count(one.accesses, int.from_bytes(one.digest, "big"), one.unsure)
        teller.cells[one.group_id, one.span.ToMicroseconds()] = count
