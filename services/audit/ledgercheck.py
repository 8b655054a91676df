"""Whether the ledger is what the access streams say, row by row, without the code that fills it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

import sqlalchemy as sa
from regard.audit.v1.events_pb2 import AccessesErased, AccessesRecorded

from services.access.recorder import MARGIN, YEAR
from services.audit.views import HEADS, LEDGER, PLACES_PER_EVENT, TOPIC, ledger
from services.common import contracts
from services.common.check import Check, Checked, Difference, Kind
from services.common.clock import Clock
from services.common.database import Database
from services.common.errors import Language
from services.common.eventstore import EventStore, Recorded
from services.common.ids import Position, key_of
from services.common.moments import microseconds
from services.common.projection import positions
from services.common.projection.topics import Partition, Topics

_ACCESSES, _ERASURES = "access-", "ledger-"
_COMPARED: Mapping[Language, str] = {"en": "accesses, each in its row", "fr": "accès, chacun à sa ligne"}


@dataclass(frozen=True, slots=True)
class _Row:
    """An access, as its event has it and as the ledger should."""

    place: int
    group_id: str
    revision: int
    index: int
    of: int
    access_id: str
    record: bytes

    def difference(self, kind: Kind) -> Difference:
        return Difference(LEDGER.name, (self.group_id, str(self.revision), str(self.index)), kind)


_NOWHERE_US = -1


@dataclass(slots=True)
class _Erasure:
    """How far a group's accesses are erased: those up to the revision that were allowed before then."""

    up_to_revision: int = -1
    before_us: int = _NOWHERE_US

    def add(self, erased: AccessesErased) -> None:
        before_us = erased.before.ToMicroseconds() if erased.HasField("before") else sys.maxsize
        self.up_to_revision = max(self.up_to_revision, erased.up_to_revision)
        self.before_us = max(self.before_us, before_us)


class _Streams:
    """The accesses that the event store holds, up to where the ledger has come; and how far each group's went."""

    def __init__(self, store: EventStore, reached: Mapping[Partition, Position]) -> None:
        self._store = store
        self._reached = reached
        self._topics = Topics((TOPIC,), contracts.event_files())
        self._erased: defaultdict[str, _Erasure] = defaultdict(_Erasure)
        self._seen: dict[str, int] = {}
        self.gaps: list[Difference] = []

    async def rows(self) -> AsyncIterator[_Row]:
        async for recorded in self._events(_ERASURES):
            if recorded.type == AccessesErased.DESCRIPTOR.full_name:
                self._erased[key_of(recorded.stream)].add(AccessesErased.FromString(recorded.data))
        async for recorded in self._events(_ACCESSES):
            group_id = key_of(recorded.stream)
            if recorded.revision != self._seen.get(group_id, recorded.revision - 1) + 1:
                self.gaps.append(Difference(recorded.stream, (str(recorded.revision),), "missing"))
            self._seen[group_id] = recorded.revision
            for row in _rows(group_id, recorded, self._erased[group_id]):
                yield row

    def heads(self) -> dict[str, int]:
        """How far each group's stream went; after `rows`."""
        return {
            group_id: max(self._seen.get(group_id, -1), one.up_to_revision) for group_id, one in self._erased.items()
        }

    async def _events(self, prefix: str) -> AsyncIterator[Recorded]:
        async for recorded in self._store.read_all(prefixes=(prefix,)):
            partition = self._topics.partition(recorded.stream)
            if partition is not None and recorded.position <= self._reached.get(partition, 0):
                yield recorded


def _rows(group_id: str, recorded: Recorded, erased: _Erasure) -> list[_Row]:
    """The accesses of an event, without those that are erased."""
    if recorded.type != AccessesRecorded.DESCRIPTOR.full_name:
        return []
    before_us = erased.before_us if recorded.revision <= erased.up_to_revision else _NOWHERE_US
    accesses = AccessesRecorded.FromString(recorded.data).accesses
    return [
        _Row(
            place=recorded.position * PLACES_PER_EVENT + index,
            group_id=group_id,
            revision=recorded.revision,
            index=index,
            of=len(accesses),
            access_id=access.access_id,
            record=access.SerializeToString(deterministic=True),
        )
        for index, access in enumerate(accesses)
        if access.at.ToMicroseconds() >= before_us
    ]


def ledger_against_streams(store: EventStore, database: Database, clock: Clock, retention: timedelta) -> Check:
    """Each access of the streams has its row unless it was erased, each row its access; no revision is left out."""

    async def run() -> Checked:
        # A stream keeps the age that its last access gave it, before the retention was made longer.
        forgotten_us = microseconds(clock() - min(retention, YEAR) - MARGIN)
        async with database.read() as connection:
            streams = _Streams(store, await connection.run_sync(positions.stored, ledger().name))
            chosen = sa.select(*(LEDGER.c[one.name] for one in fields(_Row)), LEDGER.c.at_us).order_by(LEDGER.c.place)
            count, found = 0, list[Difference]()
            async with connection.stream(chosen) as rows:
                row = await anext(rows, None)

                async def skip(up_to: int | None) -> None:
                    # What the event store has forgotten by its age, the ledger alone still holds.
                    nonlocal row
                    while row is not None and (up_to is None or row.place < up_to):
                        if row.at_us > forgotten_us:
                            found.append(_Row(*row[:-1]).difference("unexpected"))
                        row = await anext(rows, None)

                async for expected in streams.rows():
                    await skip(expected.place)
                    count += 1
                    if row is None or row.place > expected.place:
                        found.append(expected.difference("missing"))
                        continue
                    if _Row(*row[:-1]) != expected:
                        found.append(expected.difference("different"))
                    row = await anext(rows, None)
                await skip(None)
            heads = {head.group_id: head.revision for head in await connection.execute(sa.select(HEADS))}
        wrong = (group_id for group_id, revision in streams.heads().items() if heads.get(group_id) != revision)
        found += [*streams.gaps, *(Difference(HEADS.name, (group_id,), "different") for group_id in wrong)]
        return Checked(rows=count, differences=tuple(sorted(found)), set_aside=0, behind=False)

    return Check(
        "ledger against access streams", {"en": "accesses, each in its row", "fr": "accès, chacun à sa ligne"}, run
    )
