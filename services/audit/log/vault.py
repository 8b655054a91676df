"""The tables of the log: what is committed to, what opens it, and the one row that says how far the log has come.

They lie in audit's vault, which survives power loss and is backed up: nothing else has the salts.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from regard_client.verify.record import SALT_BYTES
from services.audit.log.records import Commitment, committed
from services.common.database import Database
from services.common.ids import Position
from services.common.moments import microseconds

METADATA = sa.MetaData()

# A row for each place of each access stream, and for each tombstone and seal; `number` counts them without gap, in the
# order of the event store. Written once, before it is in the log; erasing empties `salt` and `record` and names the
# tombstone.
RECORDS = sa.Table(
    "log_records",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("group_id", sa.String(36), nullable=False),  # "" for tombstones and seals
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("access_id", sa.String(36), nullable=False, index=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("recorded_at_us", sa.BigInteger, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("record", sa.LargeBinary),
    sa.Column("tombstone", sa.BigInteger),  # the number of the row that says why
    sa.Index("log_records_by_place", "group_id", "revision", "index"),
)
for _name, _columns in {"log_records_kept": ("recorded_at_us",), "log_records_kept_by_group": ("group_id",)}.items():
    _kept = RECORDS.c.tombstone.is_(None)
    sa.Index(_name, *(RECORDS.c[one] for one in _columns), postgresql_where=_kept, sqlite_where=_kept)
# The last place of each access stream, for its chain and to see gaps.
HEADS = sa.Table(
    "log_heads",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
)
# How far the event store was read, and how many rows there are: one row, changed by who finds it as they left it.
INTAKE = sa.Table(
    "log_intake",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
)
# The lock: the one checkpoint that may be built on.
LOCK = sa.Table(
    "log_lock",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("signed_at_s", sa.BigInteger, nullable=False),
    sa.Column("staged", sa.String(200), nullable=False),
)
# Which leaves rows became: `rows` of them from `first_row` on, at `first_leaf` and after. All other leaves are chaff.
RUNS = sa.Table(
    "log_runs",
    METADATA,
    sa.Column("first_row", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_leaf", sa.BigInteger, nullable=False, unique=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
)
# The log's own secrets, wrapped by the master key.
SECRETS = sa.Table(
    "log_secrets",
    METADATA,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)

# Of each break-glass of which members are told later: up to which row and leaf its entries are named by a seal, and the
# row of the last one.
SEALS = sa.Table(
    "log_seals",
    METADATA,
    sa.Column("break_glass_id", sa.String(36), primary_key=True),
    sa.Column("up_to_row", sa.BigInteger, nullable=False),
    sa.Column("up_to_leaf", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.BigInteger, nullable=False),
)

_ONLY = 1


class Overtaken(Exception):
    """Another process changed the row in the meantime."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The checkpoint that may be built on: how many rows it stands for, when it was signed, where its files wait."""

    checkpoint: bytes
    rows: int = 0
    signed_at_s: int = 0
    staged: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A record with what opens it; None where that was erased. `group_id`: empty for tombstones and seals."""

    number: int
    group_id: str
    commitment: Commitment
    salt: bytes | None
    record: bytes | None
    tombstone: int | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Up to where something concerns a group: the last revision of its access stream, with that event's position."""

    group_id: str
    revision: int
    position: Position


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the event store was read, and how many rows there are."""

    position: Position
    rows: int


def reading(transaction: sa.Connection) -> Reading:
    """How far rows have come; nobody else adds any until the transaction ends."""
    first = insert(INTAKE).values(id=_ONLY, position=0, rows=0)
    locking = first.on_conflict_do_update(index_elements=["id"], set_={"rows": INTAKE.c.rows})
    row = transaction.execute(locking.returning(INTAKE.c.position, INTAKE.c.rows)).one()
    return Reading(Position(row.position), row.rows)


def add(transaction: sa.Connection, before: Reading, rows: Sequence[dict[str, object]], position: Position) -> None:
    """Adds rows after those that there are, all before `position` being read. `before`: what `reading` gave."""
    numbered = [{"number": number, **row} for number, row in enumerate(rows, start=before.rows)]
    if numbered:
        transaction.execute(sa.insert(RECORDS), numbered)
    moved = {"position": position, "rows": before.rows + len(numbered)}
    transaction.execute(sa.update(INTAKE).where(INTAKE.c.id == _ONLY).values(moved))


def add_of_log(transaction: sa.Connection, before: Reading, record: bytes, at: datetime) -> None:
    """Adds a row that is about entries, and of no group: a tombstone or a seal. Its number is `before.rows`."""
    salt = secrets.token_bytes(SALT_BYTES)
    row: dict[str, object] = {
        "group_id": "",
        "revision": 0,
        "index": 0,
        "access_id": "",
        "position": before.position,
        "recorded_at_us": microseconds(at),
        "commitment": committed(salt, record),
        "salt": salt,
        "record": record,
    }
    add(transaction, before, [row], before.position)


def leaves_of(transaction: sa.Connection, numbers: Sequence[int]) -> list[int]:
    """Which leaves these rows are, in order; all of them must be some."""
    overlapping = sa.select(RUNS).where(RUNS.c.first_row <= numbers[-1], RUNS.c.first_row + RUNS.c.rows > numbers[0])
    shift: dict[int, int] = {}
    for run in transaction.execute(overlapping).all():
        shift |= dict.fromkeys(range(run.first_row, run.first_row + run.rows), run.first_leaf - run.first_row)
    return [number + shift[number] for number in numbers]


def runs(leaves: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours."""
    found: list[tuple[int, int]] = []
    for one in leaves:
        if found and found[-1][1] == one - 1:
            found[-1] = found[-1][0], one
        else:
            found.append((one, one))
    return found


class Vault:
    """The lock and the rows. What a method has written when it returns survives power loss."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock(self) -> Lock | None:
        """The lock as it is now; None before the log exists."""
        row = await self._database.look(lambda tx: tx.execute(sa.select(LOCK)).first())
        return Lock(row.checkpoint, row.rows, row.signed_at_s, row.staged) if row else None

    async def create(self, lock: Lock) -> None:
        """Makes the log. Raises Overtaken if there is one."""
        made = insert(LOCK).values(id=_ONLY, **asdict(lock)).on_conflict_do_nothing()
        if await self._database.write(lambda tx: tx.execute(made).rowcount) != 1:
            raise Overtaken

    async def advance(self, old: Lock, new: Lock, first_leaf: int) -> None:
        """Compare and swap: the log may be built on `new` if it could be built on `old`. Raises Overtaken.

        The rows that `new` has more than `old` are the leaves from `first_leaf` on, from then on and for ever.
        """
        swap = sa.update(LOCK).where(LOCK.c.id == _ONLY, LOCK.c.checkpoint == old.checkpoint).values(asdict(new))
        run = {"first_row": old.rows, "first_leaf": first_leaf, "rows": new.rows - old.rows}

        def swapped(tx: sa.Connection) -> None:
            if tx.execute(swap).rowcount != 1:
                raise Overtaken
            if run["rows"]:
                tx.execute(insert(RUNS).values(run))

        await self._database.write(swapped)

    async def waiting(self, after: int, limit: int) -> Sequence[Commitment]:
        """The commitments of the rows from number `after` on, in order, without gap."""
        found = (
            sa.select(RECORDS.c.number, RECORDS.c.commitment)
            .where(RECORDS.c.number >= after)
            .order_by(RECORDS.c.number)
            .limit(limit)
        )
        rows = await self._database.look(lambda tx: tx.execute(found).all())
        if [row.number for row in rows] != list(range(after, after + len(rows))):
            raise AssertionError("rows have numbers without gap")
        return [Commitment(row.commitment) for row in rows]

    async def rows_at(self, first_leaf: int, end_leaf: int) -> dict[int, Row]:
        """The rows that are leaves in that range, by leaf; whatever is not there is chaff."""
        overlapping = (RUNS.c.first_leaf < end_leaf, RUNS.c.first_leaf + RUNS.c.rows > first_leaf)

        def found(tx: sa.Connection) -> dict[int, Row]:
            leaves: dict[int, int] = {}
            for run in tx.execute(sa.select(RUNS).where(*overlapping)):
                for leaf in range(max(first_leaf, run.first_leaf), min(end_leaf, run.first_leaf + run.rows)):
                    leaves[run.first_row + leaf - run.first_leaf] = leaf
            if not leaves:
                return {}
            chosen = sa.select(RECORDS).where(RECORDS.c.number.between(min(leaves), max(leaves)))
            return {leaves[row.number]: _row(row) for row in tx.execute(chosen.order_by(RECORDS.c.number))}

        return await self._database.look(found)

    async def find(self, group_id: str, access_id: str) -> Row | None:
        """The record of an access itself: the first that is about it. None if there is none."""
        found = (
            sa.select(RECORDS)
            .where(RECORDS.c.access_id == access_id, RECORDS.c.group_id == group_id)
            .order_by(RECORDS.c.number)
            .limit(1)
        )
        row = await self._database.look(lambda tx: tx.execute(found).first())
        return _row(row) if row else None

    async def find_all(self, access_ids: Collection[str]) -> dict[tuple[str, str], tuple[Row, int | None]]:
        """The records of accesses themselves by group and access, each with its leaf; None where it is none yet."""
        run = (
            sa.select(RUNS.c.first_row)
            .where(RUNS.c.first_row <= RECORDS.c.number)
            .order_by(RUNS.c.first_row.desc())
            .limit(1)
            .correlate(RECORDS)
            .scalar_subquery()
        )
        wanted = sa.select(RECORDS, run.label("run")).where(RECORDS.c.access_id.in_(list(access_ids)))

        def found(tx: sa.Connection) -> dict[tuple[str, str], tuple[Row, int | None]]:
            rows = tx.execute(wanted.order_by(RECORDS.c.number.desc())).all()  # the first of each is set last
            in_runs = sa.select(RUNS).where(RUNS.c.first_row.in_({row.run for row in rows}))
            runs = {one.first_row: one for one in tx.execute(in_runs)}
            return {(row.group_id, row.access_id): (_row(row), _leaf(runs.get(row.run), row.number)) for row in rows}

        return await self._database.look(found)

    async def row(self, number: int) -> Row | None:
        """The row of that number."""
        found = sa.select(RECORDS).where(RECORDS.c.number == number)
        row = await self._database.look(lambda tx: tx.execute(found).first())
        return _row(row) if row else None

    async def leaf_of(self, number: int) -> int | None:
        """Which leaf a row is; None while it is none."""
        run = sa.select(RUNS).where(RUNS.c.first_row <= number).order_by(RUNS.c.first_row.desc()).limit(1)
        return _leaf(await self._database.look(lambda tx: tx.execute(run).first()), number)


def _leaf(run: sa.Row[tuple[object, ...]] | None, number: int) -> int | None:
    """Which leaf a row is, by the last run that begins before it."""
    if run is None or number >= run.first_row + run.rows:
        return None
    return int(run.first_leaf + number - run.first_row)


def _row(row: sa.Row[tuple[object, ...]]) -> Row:
    return Row(row.number, row.group_id, Commitment(row.commitment), row.salt, row.record, row.tombstone)
