"""Which places of a group's access stream the log has, for the ledger to be compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from services.audit.log.vault import HEADS, INTAKE, LOCK, RECORDS
from services.common.database import Database
from services.common.ids import Position


@dataclass(frozen=True, slots=True)
class Logged:
    """A place that the log has read. `at_us`: when the access was allowed; None for what is none, or is erased."""

    revision: int
    index: int
    access_id: str
    at_us: int | None
    is_entry: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to where the event store was read, how many rows that made, and how many of them are entries of the log.

    `heads`: the last revision of each group's access stream in that.
    """

    position: Position
    rows: int
    entries: int
    heads: Mapping[str, int]


class Places:
    """Reads them from audit's vault."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, group_id: str, first: int, last: int) -> Sequence[Logged]:
        """The places with these revisions, in order. Those that no checkpoint stands for yet are no entries."""
        chosen = (
            sa.select(*(RECORDS.c[name] for name in ("revision", "index", "access_id", "record", "number")))
            .where(RECORDS.c.group_id == group_id, RECORDS.c.revision.between(first, last))
            .order_by(RECORDS.c.revision, RECORDS.c.index)
        )
        async with self._database.read() as connection:
            entries = (await connection.execute(sa.select(LOCK.c.rows))).scalar() or 0
            rows = (await connection.execute(chosen)).all()
        return [
            Logged(revision, index, access_id, _at_us(record), is_entry=number < entries)
            for revision, index, access_id, record, number in rows
        ]

    async def reached(self) -> Reached:
        """How far the log has come."""
        async with self._database.read() as connection:
            read = (await connection.execute(sa.select(INTAKE.c.position, INTAKE.c.rows))).first()
            entries = (await connection.execute(sa.select(LOCK.c.rows))).scalar() or 0
            heads = await connection.execute(sa.select(HEADS.c.group_id, HEADS.c.revision))
            position, rows = (read.position, read.rows) if read else (0, 0)
            return Reached(Position(position), rows, entries, {row.group_id: row.revision for row in heads})


def _at_us(record: bytes | None) -> int | None:
    said = json.loads(record) if record else {}
    if said.get("kind") != "access":
        return None
    at = Timestamp()
    at.FromJsonString(said["access"]["at"])
    return at.ToMicroseconds()
