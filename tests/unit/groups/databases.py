"""Databases to test on: SQLite files, or schemas on the PostgreSQL server that there is."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from services.common.database import Database
from tests import parts


@asynccontextmanager
async def same_database(
    folder: Path, count: int = 1, tables: sa.MetaData | None = None
) -> AsyncIterator[tuple[Database, ...]]:
    """One empty database, as `count` processes are connected to it."""
    url = parts.database_server()
    schema = f"test_{uuid.uuid4().hex}" if url else ""
    url = url or f"sqlite+aiosqlite:///{folder}/test.sqlite"
    databases = tuple(Database(url, schema=schema, tables=tables) for _ in range(count))
    try:
        # SQLite lets nobody else in while it turns a new file into one with a write-ahead log.
        await databases[0].create(sa.MetaData())
        yield databases
    finally:
        if schema:
            async with databases[0].begin() as transaction:
                await transaction.execute(sa.schema.DropSchema(schema, cascade=True, if_exists=True))
        for database in databases:
            await database.dispose()
