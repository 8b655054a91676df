"""Filling empty tables from the event store alone, by the path that the runner takes for what Kafka lacks."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from services.common import contracts
from services.common.codec import Codec
from services.common.contracts import EventFile
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.ids import Position
from services.common.projection import positions
from services.common.projection.outcome import Applied
from services.common.projection.topics import Partition, Topics
from services.common.projection.types import Projection
from services.common.projection.views import Views


async def rebuild(
    projection: Projection,
    store: EventStore,
    codec: Codec,
    database: Database,
    *,
    event_files: Iterable[EventFile] | None = None,
    up_to: Mapping[Partition, Position] | None = None,
) -> None:
    """Fills the projection's tables in `database`, which may hold a part already, up to the head or exactly `up_to`.

    Neither reactions nor listeners hear of it. Raises StoreUnavailable, Refused (DBS-..).
    """
    topics = Topics(projection.topics, contracts.event_files() if event_files is None else event_files)
    views = Views(projection, database, codec)
    await database.create(positions.METADATA)
    await database.create(projection.metadata)

    def begin(transaction: sa.Connection) -> Position:
        positions.begin(transaction, projection.name, topics.partitions, Position(0))
        return positions.swept(transaction, projection.name)

    after = await database.write(begin)
    end = await store.head(topics.prefixes) if up_to is None else max(up_to.values(), default=Position(0))
    async for chunk, complete in topics.chunks(store, after=after, up_to=end):
        batch = [placed for placed in chunk if up_to is None or placed.position <= up_to.get(placed.partition, 0)]
        while True:
            outcome = await views.apply(batch, complete if up_to is None else None)
            if not isinstance(outcome, Applied) or not outcome.pending:
                break
            batch = list(outcome.pending)
