"""Compares every view with what its events say, by filling it anew beside the stored one."""

import contextlib
import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common import contracts
from services.common.codec import Codec
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.projection import Projection, Topics, positions, rebuild


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of a table that its events don't explain, and rows that it lacks; a changed row counts in both."""

    table: str
    unexplained: int
    lacking: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking one projection showed. `behind`: the event store holds more than it has applied."""

    projection: str
    rows: int
    differences: tuple[Difference, ...]
    set_aside: int
    behind: bool

    @property
    def agrees(self) -> bool:
        """Whether every row is as the events say, and no event was left out."""
        return not self.differences and not self.set_aside


async def check(projection: Projection, store: EventStore, codec: Codec, database: Database) -> Checked:
    """Compares the projection's tables in `database` with new ones, filled up to the same positions.

    Positions and rows are read in one transaction, so that the projection may go on meanwhile.
    Raises StoreUnavailable, Refused (DBS-..).
    """
    await database.create(positions.METADATA)
    await database.create(projection.metadata)
    tables = projection.metadata.sorted_tables
    failed = sa.select(sa.func.count()).where(positions.FAILED.c.name == projection.name)
    async with database.read() as connection:
        stored = await positions.stored(connection, projection.name)
        set_aside = int(await connection.scalar(failed) or 0)
        found = {table.name: await _rows(table, connection) for table in tables}
    rows, differences = 0, []
    async with _temporary() as fresh:
        await rebuild(projection, store, codec, fresh, up_to=stored)
        async with fresh.read() as connection:
            for table in tables:
                is_there, expected = found[table.name], await _rows(table, connection)
                rows += expected.total()
                if is_there != expected:
                    unexplained, lacking = (is_there - expected).total(), (expected - is_there).total()
                    differences.append(Difference(table.name, unexplained, lacking))
    head = await store.head(Topics(projection.topics, contracts.event_files()).prefixes)
    behind = head > max(stored.values(), default=0)
    return Checked(projection.name, rows, tuple(differences), set_aside, behind)


@contextlib.asynccontextmanager
async def _temporary() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory(prefix="regard-check-") as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'views.sqlite'}")
        try:
            yield database
        finally:
            await database.dispose()


async def _rows(table: sa.Table, connection: AsyncConnection) -> Counter[bytes]:
    """Every row as a digest: two databases sort texts differently, so order can't be relied on."""
    rows = await connection.stream(sa.select(table))
    return Counter([hashlib.blake2b(repr(tuple(row)).encode(), digest_size=16).digest() async for row in rows])
