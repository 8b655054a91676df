"""The databases that views live in: SQLite files, or one PostgreSQL schema a service.

What cannot be done is a Refused:
    DBS-01  UNAVAILABLE   the disk is full
    DBS-02  UNAVAILABLE   locked by another process, unreachable, or overtaken by another transaction: try again
    DBS-03  UNAVAILABLE   it may not be written to
    DBS-04  DATA_LOSS     the file is damaged
Anything else that a driver raises is a defect of ours, or of an event, and passes through.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.common.errors import Kind, Refusal, refusal

DISK_FULL = refusal(
    "DBS-01",
    Kind.UNAVAILABLE,
    en="The disk that holds Regard's data is full, so nothing was written.",
    fr="Le disque qui porte les données de Regard est plein : rien n’a été écrit.",
    remedy_en="Tell your administrator; free space, then try again.",
    remedy_fr="Prévenez votre administrateur ; libérez de la place, puis réessayez.",
)
BUSY = refusal(
    "DBS-02",
    Kind.UNAVAILABLE,
    en="The database does not answer at the moment, so nothing was done.",
    fr="La base de données ne répond pas pour le moment : rien n’a été fait.",
    remedy_en="Try again in a few seconds.",
    remedy_fr="Réessayez dans quelques secondes.",
)
READ_ONLY = refusal(
    "DBS-03",
    Kind.UNAVAILABLE,
    en="Regard may not write to its own data, so nothing was done.",
    fr="Regard n’a pas le droit d’écrire dans ses propres données : rien n’a été fait.",
    remedy_en="Tell your administrator: the data folder or the database account needs the right to write.",
    remedy_fr="Prévenez votre administrateur : le dossier de données ou le compte de la base doit permettre d’écrire.",
)
DAMAGED = refusal(
    "DBS-04",
    Kind.DATA_LOSS,
    en="A file of Regard's data is damaged and was left as it is.",
    fr="Un fichier des données de Regard est endommagé ; il a été laissé tel quel.",
    remedy_en="Tell your administrator: a view's file can be deleted, it is rebuilt from the events.",
    remedy_fr="Prévenez votre administrateur : le fichier d’une vue se supprime, les événements le refont.",
)

Result = TypeVar("Result")

LOCK_TIMEOUT_MS = 5000
_SCHEMA_LOCK = 0x726567617264  # "regard": any number, the same in every process

# SQLite's primary result codes (sqlite.org/rescode.html) and PostgreSQL's SQLSTATE codes or classes.
_SQLITE: dict[int, Refusal] = {
    5: BUSY,  # SQLITE_BUSY
    6: BUSY,  # SQLITE_LOCKED
    8: READ_ONLY,  # SQLITE_READONLY
    10: BUSY,  # SQLITE_IOERR
    11: DAMAGED,  # SQLITE_CORRUPT
    13: DISK_FULL,  # SQLITE_FULL
    14: BUSY,  # SQLITE_CANTOPEN
    26: DAMAGED,  # SQLITE_NOTADB
}
_POSTGRESQL: dict[str, Refusal] = {
    "53100": DISK_FULL,
    "53": BUSY,  # insufficient resources
    "08": BUSY,  # connection exception
    "57P": BUSY,  # shutting down
    "40": BUSY,  # serialisation failure, deadlock
    "55P03": BUSY,  # lock not available
    "25006": READ_ONLY,
    "42501": READ_ONLY,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}


class Database:
    """A service's database. Many read at once; on SQLite one transaction at a time writes, and the others queue."""

    def __init__(self, url: str, *, schema: str = "", durable: bool = False, tables: sa.MetaData | None = None) -> None:
        """`sqlite+aiosqlite:///<file>` or `postgresql+asyncpg://…`, where `schema` is the service's.

        `durable`: a commit survives power loss on SQLite too; not needed for what the event store can rebuild.
        `tables` are made when the database is first used; views make theirs by `create`.
        """
        self._url = sa.make_url(url)
        self._schema = schema
        self._one_writer: asyncio.Lock | None = asyncio.Lock() if self.is_sqlite else None
        self._missing = tables
        self._first_use = asyncio.Lock()
        connect_args: dict[str, object] = {}
        if self.is_sqlite:
            Path(self._url.database or "").parent.mkdir(parents=True, exist_ok=True)
        elif schema:
            connect_args["server_settings"] = {"search_path": schema}
        # hide_parameters: a statement's values are content, and would be in the text of its exception.
        self._engine = create_async_engine(self._url, hide_parameters=True, connect_args=connect_args)
        self._writing = self._engine.execution_options(regard_begin="BEGIN IMMEDIATE")
        self._here: sa.Engine | None = None
        if self.is_sqlite:
            self._here = sa.create_engine(self._url.set(drivername="sqlite"), hide_parameters=True)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
            for engine in (self._engine.sync_engine, self._here):
                event.listen(engine, "connect", _set_up_sqlite("FULL" if durable else "NORMAL"))
                event.listen(engine, "begin", _begin_sqlite)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def dialect(self) -> sa.Dialect:
        """For compiling statements beforehand."""
        return self._engine.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: committed when the block ends, undone if it raises."""
        await self._make_missing()
        async with self._begin() as transaction:
            yield transaction

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            stack.enter_context(_translated())
            if self._one_writer:
                await stack.enter_async_context(self._one_writer)
            with _reaching():
                transaction = await stack.enter_async_context(self._writing.begin())
            yield transaction

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the database throughout."""
        await self._make_missing()
        async with AsyncExitStack() as stack:
            stack.enter_context(_translated())
            with _reaching():
                connection = await stack.enter_async_context(self._engine.connect())
            if not self.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            await stack.enter_async_context(connection.begin())
            yield connection

    async def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """What `begin` does, for work that waits for nothing but the database; undone if it raises.

        On SQLite it is done in one go, on a thread: to hand over each statement costs more than most statements do.
        """
        if self._here is None or self._one_writer is None:
            async with self.begin() as transaction:
                return await transaction.run_sync(work)
        await self._make_missing()
        writing = self._here.execution_options(regard_begin="BEGIN IMMEDIATE")
        async with self._one_writer:
            return await self._on_a_thread(writing, work)

    async def look(self, work: Callable[[sa.Connection], Result]) -> Result:
        """What `read` does, for work that waits for nothing but the database and takes a few milliseconds at most.

        On SQLite it is done at once. On a thread it would lose its turn to whatever else runs at each row that it
        fetches, and readers need not wait for the writer.
        """
        if self._here is None:
            async with self.read() as connection:
                return await connection.run_sync(work)
        await self._make_missing()
        with _translated(), self._here.begin() as connection:
            return work(connection)

    async def _on_a_thread(self, engine: sa.Engine, work: Callable[[sa.Connection], Result]) -> Result:
        def transaction() -> Result:
            with _translated(), engine.begin() as connection:
                return work(connection)

        running = asyncio.get_running_loop().run_in_executor(self._thread, transaction)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # so that nothing is going on once the caller is gone
            raise

    async def create(self, metadata: sa.MetaData) -> None:
        """Makes the tables and indexes that are missing; several processes may do so at once."""
        async with self._begin() as transaction:
            if not self.is_sqlite:
                await transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
                if self._schema:
                    await transaction.execute(sa.schema.CreateSchema(self._schema, if_not_exists=True))
            await transaction.run_sync(metadata.create_all)
            for index in (index for table in metadata.tables.values() for index in table.indexes):
                await transaction.run_sync(index.create, checkfirst=True)  # of a table that was there before it

    async def _make_missing(self) -> None:
        if self._missing is None:
            return
        async with self._first_use:
            if self._missing is not None:
                await self.create(self._missing)
                self._missing = None

    async def forget_deleted(self) -> None:
        """Leaves nothing of deleted rows in SQLite's write-ahead log; PostgreSQL forgets them when it vacuums."""
        if self._one_writer is None:
            return
        async with self._one_writer, self._engine.connect() as connection:
            raw = await connection.get_raw_connection()  # a checkpoint is not possible inside a transaction
            if raw.driver_connection:
                await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def dispose(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()
        if self._here:
            self._here.dispose()
            self._thread.shutdown()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        if declared := refusal_for(error):
            raise declared() from error
        raise


@contextmanager
def _reaching() -> Iterator[None]:
    # Apart from _translated: an OSError of the caller's own block has nothing to do with the database.
    try:
        yield
    except (exc.TimeoutError, OSError) as error:
        raise BUSY() from error


def refusal_for(error: BaseException) -> Refusal | None:
    """What a driver's exception says about the state of the database; None if it says something about the statement."""
    if not isinstance(error, exc.DBAPIError):
        return None
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _SQLITE.get(code & 0xFF)
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return next((_POSTGRESQL[state[:length]] for length in (5, 3, 2) if state[:length] in _POSTGRESQL), None)
    return BUSY if error.connection_invalidated else None


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _Connection(Protocol):
    isolation_level: str | None

    def cursor(self) -> _Cursor: ...


def _set_up_sqlite(synchronous: str) -> Callable[[_Connection, object], None]:
    def set_up(connection: _Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {LOCK_TIMEOUT_MS}",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "foreign_keys = ON",
            "secure_delete = ON",  # a destroyed key must not linger in a free page
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return set_up


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(cast(str, connection.get_execution_options().get("regard_begin", "BEGIN")))
