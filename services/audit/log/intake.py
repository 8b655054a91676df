"""Writes down what is to be proved: one row a place of every access stream, with the salt that opens its leaf.

The event store is read in its order, by one reader at a time. Rows, heads and the position move in one transaction, so
that a row is written once, whatever is repeated; its salt is drawn then, and never again.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from regard_client.verify.record import SALT_BYTES
from services.audit.log.records import Commitment, Place, committed, placed, places
from services.audit.log.vault import HEADS, INTAKE, add, reading
from services.audit.refusals import PLACES_MISSING, STORE_BEHIND
from services.common.codec import Codec
from services.common.database import Database
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore, Recorded
from services.common.ids import Position, key_of
from services.common.moments import microseconds
from services.common.telemetry import logger

PREFIXES = ("access-",)
_MOST_EVENTS = 500
"""In one transaction."""

_PAUSE_S = 0.5
_GATHER_S = 0.1
"""For fewer transactions; the log adds leaves four times a second at most."""
_AT_ONCE = 500

_log = logger(__name__)


class Intake:
    """Fills the rows from the event store. Several may run: whoever comes second finds everything done."""

    def __init__(
        self,
        store: EventStore,
        codec: Codec,
        database: Database,
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._codec = codec
        self._database = database
        self._draw = draw

    async def run(self) -> None:
        """Follows the event store for ever. Raises Refused for what waiting would not cure: AUD-15, AUD-16."""
        while True:
            try:
                await self._follow(await self.position())
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("the log reads no accesses for the moment", exc_info=refused)
                await asyncio.sleep(_PAUSE_S)

    async def position(self) -> Position:
        """Up to where the event store was read. Raises Refused: AUD-16 if it ends before."""
        position = Position(await self._database.look(lambda tx: tx.scalar(sa.select(INTAKE.c.position)) or 0))
        if position and await self._store.head(PREFIXES) < position:
            raise STORE_BEHIND()
        return position

    async def _follow(self, after: Position) -> None:
        read: asyncio.Queue[Recorded] = asyncio.Queue(2 * _MOST_EVENTS)
        reader = asyncio.create_task(self._read(after, read))
        try:
            while True:
                events = [await _next(read, reader)]
                if read.qsize() < _MOST_EVENTS:
                    await asyncio.sleep(_GATHER_S)
                while len(events) < _MOST_EVENTS and not read.empty():
                    events.append(read.get_nowait())
                await self.take(events)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, after: Position, read: asyncio.Queue[Recorded]) -> None:
        async for event in self._store.subscribe(after=after, prefixes=PREFIXES):
            await read.put(event)

    async def take(self, events: Sequence[Recorded]) -> None:
        """Writes the rows of events that follow one another in the event store, of those that are new."""
        await self._database.write(functools.partial(self._write, events))

    def _write(self, events: Sequence[Recorded], transaction: sa.Connection) -> None:
        before = reading(transaction)
        new = [event for event in events if event.position > before.position]
        if not new:
            return
        heads = _heads(transaction, {key_of(event.stream) for event in new})
        rows = [row for event in new for row in self._rows(event, heads)]
        add(transaction, before, rows, new[-1].position)
        _save(transaction, {key_of(event.stream) for event in new}, heads)

    def _rows(self, event: Recorded, heads: dict[str, tuple[int, Commitment]]) -> Sequence[dict[str, object]]:
        group_id = key_of(event.stream)
        known, previous = heads.get(group_id, (None, None))
        if known is not None and event.revision != known + 1:
            raise PLACES_MISSING(group_id=group_id, revision=str(event.revision), known=str(known))
        rows: list[dict[str, object]] = []
        for place, body, access_id in places(event, self._codec):
            row = self._row(event, place, placed(place, body, previous), access_id)
            previous = Commitment(row["commitment"])  # type: ignore[arg-type]
            rows.append(row)
        heads[group_id] = event.revision, Commitment(rows[-1]["commitment"])  # type: ignore[arg-type]
        return rows

    def _row(self, event: Recorded, place: Place, record: bytes, access_id: str) -> dict[str, object]:
        salt = self._draw(SALT_BYTES)
        return {
            "group_id": place.group_id,
            "revision": place.revision,
            "index": place.index,
            "access_id": access_id,
            "position": event.position,
            "recorded_at_us": microseconds(event.recorded_at),
            "commitment": committed(salt, record),
            "salt": salt,
            "record": record,
        }


async def _next(read: asyncio.Queue[Recorded], reader: asyncio.Task[None]) -> Recorded:
    """The next event; raises what ended the reader if there is none left."""
    waiting = asyncio.ensure_future(read.get())
    try:
        await asyncio.wait((waiting, reader), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
    finally:
        waiting.cancel()
    return reader.result()  # type: ignore[return-value]  # it ends by raising only


def _heads(transaction: sa.Connection, group_ids: set[str]) -> dict[str, tuple[int, Commitment]]:
    found: dict[str, tuple[int, Commitment]] = {}
    for some in _in_parts(group_ids):
        rows = transaction.execute(sa.select(HEADS).where(HEADS.c.group_id.in_(some)))
        found |= {row.group_id: (row.revision, Commitment(row.commitment)) for row in rows}
    return found


def _save(transaction: sa.Connection, group_ids: set[str], heads: dict[str, tuple[int, Commitment]]) -> None:
    row = insert(HEADS)
    upsert = row.on_conflict_do_update(
        index_elements=["group_id"], set_={"revision": row.excluded.revision, "commitment": row.excluded.commitment}
    )
    values = [
        {"group_id": group_id, "revision": heads[group_id][0], "commitment": heads[group_id][1]}
        for group_id in sorted(group_ids)
    ]
    transaction.execute(upsert, values)


def _in_parts(ids: set[str]) -> Sequence[list[str]]:
    everything = sorted(ids)
    return [everything[start : start + _AT_ONCE] for start in range(0, len(everything), _AT_ONCE)]
