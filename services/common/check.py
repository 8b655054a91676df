"""Whether a view says what the streams say: it is rebuilt elsewhere, up to the same positions, and compared.

What is found names tables and keys only, never content.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.codec import Codec
from services.common.contracts import EventFile
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.ids import Position
from services.common.projection import Partition, Projection, positions, rebuild

Key = tuple[str, ...]
_Digests = Mapping[Key, bytes]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A row that the live view lacks, has without reason, or has with other values."""

    table: str
    key: Key
    kind: Literal["missing", "unexpected", "different"]


async def compare(
    projection: Projection,
    live: Database,
    store: EventStore,
    codec: Codec,
    scratch_folder: Path,
    *,
    event_files: Iterable[EventFile] | None = None,
) -> list[Difference]:
    """The differences, by table and key; none if the view is right. It may go on being filled meanwhile.

    The scratch file is made in `scratch_folder` and removed. Raises StoreUnavailable, Refused (DBS-..).
    """
    async with live.read() as connection:
        reached = await positions.stored(connection, projection.name)
        actual = await _digests(connection, projection.metadata)
    expected = await _rebuilt(projection, reached, store, codec, scratch_folder, event_files)
    return sorted(
        difference for table in expected for difference in _differences(table, actual[table], expected[table])
    )


async def _rebuilt(
    projection: Projection,
    reached: Mapping[Partition, Position],
    store: EventStore,
    codec: Codec,
    scratch_folder: Path,
    event_files: Iterable[EventFile] | None,
) -> dict[str, _Digests]:
    with tempfile.TemporaryDirectory(prefix="check-", dir=scratch_folder) as folder:
        scratch = Database(f"sqlite+aiosqlite:///{folder}/{projection.name}.sqlite")
        try:
            await rebuild(projection, store, codec, scratch, event_files=event_files, up_to=reached)
            async with scratch.read() as connection:
                return await _digests(connection, projection.metadata)
        finally:
            await scratch.dispose()


async def _digests(connection: AsyncConnection, metadata: sa.MetaData) -> dict[str, _Digests]:
    """Every row of every table as a digest, by primary key: a view need not fit into memory."""
    return {table.name: await _digests_of(connection, table) for table in metadata.sorted_tables}


async def _digests_of(connection: AsyncConnection, table: sa.Table) -> _Digests:
    key_columns = [column.name for column in table.primary_key]
    if not key_columns:
        raise ValueError(f"{table.name} has no primary key")
    digests: dict[Key, bytes] = {}
    async with connection.stream(sa.select(table)) as rows:
        async for row in rows.mappings():
            key = tuple(str(row[name]) for name in key_columns)
            values = json.dumps([_plain(row[column.name]) for column in table.columns])
            digests[key] = hashlib.sha256(values.encode()).digest()
    return digests


def _plain(value: object) -> object:
    """The same for the same value, whichever database it was read from."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict():
            return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return str(value)


def _differences(table: str, actual: _Digests, expected: _Digests) -> Iterable[Difference]:
    for key in actual.keys() | expected.keys():
        if key not in actual:
            yield Difference(table, key, "missing")
        elif key not in expected:
            yield Difference(table, key, "unexpected")
        elif actual[key] != expected[key]:
            yield Difference(table, key, "different")
