"""How far each projection and reaction has come, and what it had to set aside: tables beside the rows they speak of.

These are for `Database.write` and `look`, or a connection's `run_sync`.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.common.ids import Position
from services.common.projection.topics import Partition, Placed

MOST_ATTEMPTS = 5

METADATA = sa.MetaData()

POSITIONS = sa.Table(
    "projection_position",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("topic", sa.String, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
)
# Up to where the whole log was gone through, so that a partition without events does not make it start at 0 each time.
SWEPT = sa.Table(
    "projection_swept",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
# With MOST_ATTEMPTS attempts the event was set aside; with fewer it is being tried, or passed in the end.
FAILED = sa.Table(
    "failed_events",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("topic", sa.String, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("stream", sa.String, nullable=False),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.String, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
)


# Built once: they are carried out with every batch.
_STORED = sa.select(POSITIONS.c.topic, POSITIONS.c.partition, POSITIONS.c.position).where(
    POSITIONS.c.name == sa.bindparam("of_name")
)
_THESE = sa.tuple_(POSITIONS.c.topic, POSITIONS.c.partition).in_(sa.bindparam("partitions", expanding=True))
# In one order everywhere, so that two processes never wait for each other.
_LOCKED = _STORED.where(_THESE).order_by(POSITIONS.c.topic, POSITIONS.c.partition).with_for_update()
_SAVED = (
    sa.update(POSITIONS)
    .where(
        POSITIONS.c.name == sa.bindparam("of_name"),
        POSITIONS.c.topic == sa.bindparam("of_topic"),
        POSITIONS.c.partition == sa.bindparam("of_partition"),
        POSITIONS.c.position < sa.bindparam("new", type_=sa.BigInteger),
    )
    .values(position=sa.bindparam("new", type_=sa.BigInteger), updated_at=sa.func.now())
)


def stored(connection: sa.Connection, name: str) -> dict[Partition, Position]:
    """The positions of all partitions."""
    return _positions(connection.execute(_STORED, {"of_name": name}))


def locked(transaction: sa.Connection, name: str, partitions: Collection[Partition]) -> dict[Partition, Position]:
    """The positions of these partitions, which no other process moves until the transaction ends."""
    if transaction.dialect.name == "sqlite":  # has one writer anyway
        return {partition: at for partition, at in stored(transaction, name).items() if partition in partitions}
    return _positions(transaction.execute(_LOCKED, {"of_name": name, "partitions": sorted(partitions)}))


def _positions(rows: Iterable[sa.Row[Any]]) -> dict[Partition, Position]:
    return {Partition(row.topic, row.partition): Position(row.position) for row in rows}


def swept(connection: sa.Connection, name: str) -> Position:
    """Up to where nothing is missing in any partition."""
    return Position(connection.scalar(sa.select(SWEPT.c.position).where(SWEPT.c.name == name)) or 0)


def begin(
    transaction: sa.Connection, name: str, partitions: Iterable[Partition], start: Position
) -> dict[Partition, Position]:
    """Gives partitions that are new a position to start at, and tells all of them."""
    known = stored(transaction, name)
    new = [
        {"name": name, "topic": partition.topic, "partition": partition.number, "position": start}
        for partition in partitions
        if partition not in known
    ]
    if new:
        transaction.execute(insert(POSITIONS).on_conflict_do_nothing(), new)
        # What was gone through before did not include these.
        transaction.execute(sa.delete(SWEPT).where(SWEPT.c.name == name))
    return stored(transaction, name)


def save(transaction: sa.Connection, name: str, positions: Mapping[Partition, Position]) -> None:
    """Moves positions on, never back."""
    rows = [
        {"of_name": name, "of_topic": partition.topic, "of_partition": partition.number, "new": position}
        for partition, position in positions.items()
    ]
    if rows:
        transaction.execute(_SAVED, rows)


def save_swept(transaction: sa.Connection, name: str, position: Position) -> None:
    """Notes that nothing is missing up to `position`; never moves back."""
    row = insert(SWEPT).values(name=name, position=position)
    transaction.execute(
        row.on_conflict_do_update(
            index_elements=["name"], set_={"position": row.excluded.position}, where=SWEPT.c.position < position
        )
    )


def count_failure(transaction: sa.Connection, name: str, placed: Placed, error: BaseException) -> int:
    """Notes one more failed attempt at an event, by the error's type alone: its text may hold content.

    Gives how many there are now.
    """
    row = insert(FAILED).values(
        name=name,
        position=placed.position,
        topic=placed.partition.topic,
        partition=placed.partition.number,
        stream=placed.recorded.stream,
        type=placed.recorded.type,
        attempts=1,
        error=type(error).__name__,
    )
    counted = row.on_conflict_do_update(
        index_elements=["name", "position"],
        set_={"attempts": FAILED.c.attempts + 1, "error": row.excluded.error, "updated_at": sa.func.now()},
    ).returning(FAILED.c.attempts)
    return int((transaction.execute(counted)).scalar_one())
