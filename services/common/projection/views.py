"""Applying events to a projection's tables: rows and positions in one transaction."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from services.common.codec import Codec, Event
from services.common.database import Database, refusal_for
from services.common.ids import Position
from services.common.projection import positions
from services.common.projection.outcome import Applied, Missing, Outcome, decode, holes, passes_by_itself
from services.common.projection.statements import Statement, Statements, execute
from services.common.projection.topics import Partition, Placed
from services.common.projection.types import Projection

Decoded = Mapping[Position, Event | Exception | None]


class Views:
    """Applies events to the tables of one projection in one database."""

    def __init__(self, projection: Projection, database: Database, codec: Codec) -> None:
        self._projection = projection
        self._database = database
        self._codec = codec
        self._statements = Statements(database.dialect)

    async def apply(self, batch: Sequence[Placed], swept: Position | None) -> Outcome:
        """See Applier. All at once; if that fails, one by one, so that only what is at fault is held back."""
        decoded = decode(self._codec, batch)
        try:
            return await self._database.write(lambda transaction: self._together(transaction, batch, decoded, swept))
        except Exception as error:  # whatever a reducer or a driver raises
            if passes_by_itself(error):
                raise
        return await self._database.write(lambda transaction: self._one_by_one(transaction, batch, decoded))

    def _together(
        self, transaction: sa.Connection, batch: Sequence[Placed], decoded: Decoded, swept: Position | None
    ) -> Outcome:
        stored = self._lock(transaction, batch)
        if missing := holes(batch, stored):
            return Missing(missing)
        reached = dict(stored)
        statements: list[Statement] = []
        for placed in batch:
            if placed.position > reached[placed.partition]:
                statements.extend(self._reduce(decoded[placed.position]))
                reached[placed.partition] = placed.position
        self._statements.execute(transaction, statements)
        positions.save(transaction, self._projection.name, _moved(stored, reached))
        if swept is not None:
            positions.save_swept(transaction, self._projection.name, swept)
        return Applied(reached, [event for event in decoded.values() if isinstance(event, Event)])

    def _one_by_one(self, transaction: sa.Connection, batch: Sequence[Placed], decoded: Decoded) -> Outcome:
        pending: list[Placed] = []
        failed: set[Position] = set()
        set_aside = 0
        stored = self._lock(transaction, batch)
        if missing := holes(batch, stored):
            return Missing(missing)
        reached = dict(stored)
        blocked: set[Partition] = set()
        for placed in batch:
            if placed.position <= reached[placed.partition]:
                continue
            if placed.partition in blocked:
                pending.append(placed)
                continue
            if error := self._attempt(transaction, decoded[placed.position]):
                failed.add(placed.position)
                attempts = positions.count_failure(transaction, self._projection.name, placed, error)
                if attempts < positions.MOST_ATTEMPTS:
                    blocked.add(placed.partition)
                    pending.append(placed)
                    continue
                set_aside += 1
            reached[placed.partition] = placed.position
        positions.save(transaction, self._projection.name, _moved(stored, reached))
        held_back = failed | {placed.position for placed in pending}
        events = [
            event for position, event in decoded.items() if isinstance(event, Event) and position not in held_back
        ]
        return Applied(reached, events, pending, set_aside)

    def _attempt(self, transaction: sa.Connection, event: Event | Exception | None) -> Exception | None:
        try:
            with transaction.begin_nested():
                for statement in self._reduce(event):
                    execute(transaction, statement)
        except Exception as error:  # whatever a reducer or a driver raises
            if passes_by_itself(error) or refusal_for(error):
                raise
            return error
        return None

    def _reduce(self, event: Event | Exception | None) -> Sequence[Statement]:
        match event:
            case Event():
                return self._projection.reduce(event)
            case None:
                return ()
            case Exception():
                raise event

    def _lock(self, transaction: sa.Connection, batch: Sequence[Placed]) -> dict[Partition, Position]:
        partitions = {placed.partition for placed in batch}
        return positions.locked(transaction, self._projection.name, partitions) if partitions else {}


def _moved(stored: Mapping[Partition, Position], reached: Mapping[Partition, Position]) -> dict[Partition, Position]:
    return {partition: position for partition, position in reached.items() if position > stored[partition]}
