"""Whether a view says what the streams say: it is rebuilt elsewhere, up to the same positions, and compared.

What is found names tables and keys only, never content.
"""

import hashlib
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common import contracts
from services.common.codec import Codec
from services.common.contracts import EventFile
from services.common.database import Database
from services.common.errors import Language
from services.common.eventstore import EventStore
from services.common.ids import Position
from services.common.projection import Partition, Projection, Topics, positions, rebuild

Key = tuple[str, ...]
Kind = Literal["missing", "unexpected", "different"]
_Digests = Mapping[Key, bytes]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Something that is not there, is there without reason, or is another than it should be."""

    table: str
    key: Key
    kind: Kind


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a view showed. `behind`: the event store holds more than it has applied."""

    rows: int
    differences: tuple[Difference, ...]
    set_aside: int
    behind: bool

    @property
    def agrees(self) -> bool:
        """Whether every row is as the events say, and no event was left out."""
        return not self.differences and not self.set_aside


@dataclass(frozen=True, slots=True)
class Check:
    """What a service can verify besides its views; `compared` says of what its `Checked` counts."""

    name: str
    compared: Mapping[Language, str]
    run: Callable[[], Awaitable[Checked]]


async def check(
    projection: Projection,
    live: Database,
    store: EventStore,
    codec: Codec,
    *,
    event_files: Iterable[EventFile] | None = None,
) -> Checked:
    """Compares a view with one that is made anew, up to the same positions; it may go on being filled meanwhile.

    Raises StoreUnavailable, Refused (DBS-..).
    """
    await live.create(positions.METADATA)
    await live.create(projection.metadata)
    failed = sa.select(sa.func.count()).where(
        positions.FAILED.c.name == projection.name, positions.FAILED.c.attempts >= positions.MOST_ATTEMPTS
    )
    async with live.read() as connection:
        reached = await connection.run_sync(positions.stored, projection.name)
        set_aside = int(await connection.scalar(failed) or 0)
        actual = await _digests(connection, projection.metadata)
    expected = await _rebuilt(projection, reached, store, codec, event_files)
    differences = (one for table in expected for one in _differences(table, actual[table], expected[table]))
    files = contracts.event_files() if event_files is None else event_files
    head = await store.head(Topics(projection.topics, files).prefixes)
    return Checked(
        rows=sum(map(len, actual.values())),
        differences=tuple(sorted(differences)),
        set_aside=set_aside,
        behind=head > max(reached.values(), default=0),
    )


async def _rebuilt(
    projection: Projection,
    reached: Mapping[Partition, Position],
    store: EventStore,
    codec: Codec,
    event_files: Iterable[EventFile] | None,
) -> dict[str, _Digests]:
    with tempfile.TemporaryDirectory(prefix="regard-check-") as folder:
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
