"""The ledger at size, on PostgreSQL: how long its questions take, and a receipt, when it holds that many accesses.

The accesses are written as rows, not through the event store: 1,000 groups, of which the largest has a fifth of all,
over a year; objects and authors of their own; every access in the log. What is asked is asked as the service asks it,
one at a time, and each question is measured with the first and the later pages. On REGARD_TEST_DATABASE_URL, or on a
PostgreSQL that it brings.

    python -m tests.load.ledger [accesses]
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import asyncpg
import sqlalchemy as sa
import uvloop
from regard.audit.v1.events_pb2 import ACTION_READ, READER_KIND_AUDITOR, READER_KIND_MEMBER, Access, Objects
from regard.groups.v1.rules_pb2 import READERS_SHOWN_EVERYONE_BY_NAME, READERS_SHOWN_PRIVILEGED_BY_NAME, ReadersShown
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, DropIndex

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.policy import Party, Policy
from regard_client.verify.receipt import verify_receipt
from services.audit import queries
from services.audit.log.cosigning import Shown
from services.audit.log.growth import Edge, grown
from services.audit.log.keys import LogKeys, log_keys
from services.audit.log.receipts import Receipts
from services.audit.log.records import committed, leaf
from services.audit.log.storage import FolderStorage
from services.audit.log.vault import INTAKE, LOCK, RECORDS, RUNS, Lock, Vault
from services.audit.log.vault import METADATA as LOG
from services.audit.queries import Key, Page, Wanted
from services.audit.shown import by_rule
from services.audit.views import AUTHORS, HEADS, HOUR_US, LEDGER, METADATA, OBJECTS, PLACES_PER_EVENT
from services.common.clock import system_clock
from services.common.database import Database
from tests.genuine import PostgresServer, create_database, drop_database
from tests.load.figures import percentile_ms, tell
from tests.transparency import MASTER_KEY, ORIGIN

ACCESSES = 100_000
GROUPS = 1000
PEOPLE = 10_000
YEAR_US = 365 * 24 * HOUR_US
ROWS_PER_RUN = 16
QUESTIONS = 200
PAGE = 50
_AT_ONCE = 20_000

Row = dict[str, object]


class Company:
    """Who looks at what."""

    def __init__(self, accesses: int) -> None:
        self.draw = random.Random(accesses)
        self.groups = [self._id() for _ in range(GROUPS)]
        self.people = [self._id() for _ in range(PEOPLE)]
        self.accesses = accesses
        self.salt = bytes(32)
        self._revisions = [0] * GROUPS

    def _id(self) -> str:
        return str(uuid.UUID(int=self.draw.getrandbits(128)))

    def rows(self) -> Iterator[tuple[Row, Row, Row, Row]]:
        """For each access: of the ledger, its object, its author, and of the log."""
        for number in range(self.accesses):
            group = 0 if self.draw.random() < 0.2 else self.draw.randrange(1, GROUPS)
            yield self._access(number, group)

    def _access(self, number: int, group: int) -> tuple[Row, Row, Row, Row]:
        revision, at_us = self._revisions[group], number * YEAR_US // self.accesses
        self._revisions[group] += 1
        kind = READER_KIND_AUDITOR if self.draw.random() < 0.01 else READER_KIND_MEMBER
        access = Access(access_id=self._id(), reader_id=self.draw.choice(self.people), reader_kind=kind)
        access.action, access.client = ACTION_READ, "web"
        access.objects.append(Objects(type="post", ids=[self._id()]))
        access.at.FromMicroseconds(at_us)
        place: Row = {"group_id": self.groups[group], "revision": revision, "index": 0}
        record = access.SerializeToString()
        told: Row = {
            **place,
            "of": 1,
            "place": (number + 1) * PLACES_PER_EVENT,
            "access_id": access.access_id,
            "repeats": False,
            "reader_id": access.reader_id,
            "reader_kind": kind,
            "action": ACTION_READ,
            "purpose": 0,
            "purpose_reference": "",
            "at_us": at_us,
            "hour": at_us // HOUR_US,
            "record": record,
            "position": number + 1,
            "ended_at_us": None,
            "last_position": None,
        }
        said = b'{"access":{"access_id":"%s"},"kind":"access"}' % access.access_id.encode()
        logged: Row = {
            "number": number,
            **place,
            "access_id": access.access_id,
            "position": number + 1,
            "recorded_at_us": at_us,
            "commitment": committed(self.salt, said),
            "salt": self.salt,
            "record": said,
            "tombstone": None,
        }
        touched: Row = {"object_id": access.objects[0].ids[0], **place, "first": 0, "last": 0}
        written: Row = {"author_id": self.draw.choice(self.people), **place}
        return told, touched, written, logged

    def heads(self) -> list[Row]:
        """How far each group has come."""
        revisions = zip(self.groups, self._revisions, strict=True)
        return [{"group_id": one, "revision": revision - 1, "position": self.accesses} for one, revision in revisions]


class Site:
    """The database, and the log's files in a folder."""

    def __init__(self, url: str, folder: Path, keys: LogKeys, database: Database) -> None:
        self.url = url.replace("+asyncpg", "")
        self.folder = folder
        self.keys = keys
        self.database = database
        self.known: list[tuple[str, str]] = []  # group and access of some
        self.objects: list[str] = []  # some, of any group

    async def fill(self, company: Company) -> None:
        """Writes all of it."""
        connection = await asyncpg.connect(self.url)
        edge, rows = Edge(), company.rows()
        async with _indexed_afterwards(connection, (LEDGER, OBJECTS, AUTHORS, RECORDS)):
            while some := list(itertools.islice(rows, _AT_ONCE)):
                edge = await self._write(connection, some, edge)
        await _copy(connection, HEADS, company.heads())
        runs = range(0, company.accesses, ROWS_PER_RUN)
        size = company.accesses
        await _copy(
            connection,
            RUNS,
            [{"first_row": at, "first_leaf": at, "rows": min(ROWS_PER_RUN, size - at)} for at in runs],
        )
        signed = self.keys.sign(Checkpoint(ORIGIN, edge.size, edge.root()), int(time.time()))
        (self.folder / "checkpoint").write_bytes(signed)
        await _copy(connection, LOCK, [{"id": 1, **asdict(Lock(signed, edge.size))}])
        await _copy(connection, INTAKE, [{"id": 1, "position": edge.size, "rows": edge.size}])
        await connection.execute("VACUUM ANALYZE")
        await connection.close()

    async def _write(
        self, connection: asyncpg.Connection, rows: Sequence[tuple[Row, Row, Row, Row]], edge: Edge
    ) -> Edge:
        for table, part in zip((LEDGER, OBJECTS, AUTHORS, RECORDS), zip(*rows, strict=True), strict=True):
            await _copy(connection, table, part)
        edge, files = grown(edge, [leaf(one["commitment"]) for *_, one in rows])  # type: ignore[arg-type]
        for path, data in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)
        some = rows[:: len(rows) // 100 or 1]
        self.known += [(str(one["group_id"]), str(one["access_id"])) for one, *_ in some]
        self.objects += [str(one["object_id"]) for _, one, *_ in some]
        return edge


@asynccontextmanager
async def _indexed_afterwards(connection: asyncpg.Connection, tables: Sequence[sa.Table]) -> AsyncIterator[None]:
    """Makes the tables' keys and indexes once they are filled, which takes a fraction of the time."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in tables:
        await connection.execute(f"ALTER TABLE {table.name} DROP CONSTRAINT {table.name}_pkey")
        for index in table.indexes:
            await connection.execute(str(DropIndex(index).compile(dialect=dialect)))
    yield
    await connection.execute("SET maintenance_work_mem = '1GB'")
    for table in tables:
        key = ", ".join(f'"{column.name}"' for column in table.primary_key)
        await connection.execute(f"ALTER TABLE {table.name} ADD PRIMARY KEY ({key})")
        for index in table.indexes:
            await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))


async def _copy(connection: asyncpg.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.columns]
    records = [tuple(row[name] for name in names) for row in rows]
    await connection.copy_records_to_table(table.name, records=records, columns=names)


async def questions(site: Site, company: Company) -> None:
    """What the service asks of its tables."""
    largest, usual = company.groups[0], company.groups[1:]
    draw, people = company.draw, company.people
    privileged, everyone = READERS_SHOWN_PRIVILEGED_BY_NAME, READERS_SHOWN_EVERYONE_BY_NAME
    week_us = YEAR_US - 7 * 24 * HOUR_US
    page = _Pages(site)
    await page.told("the largest group, by name", lambda: _in([largest], everyone))
    await page.told("the largest group, members counted", lambda: _in([largest], privileged))
    await page.told("a usual group, by name", lambda: _in([draw.choice(usual)], everyone))
    await page.told("a usual group, members counted", lambda: _in([draw.choice(usual)], privileged))
    await page.told("the largest group, this week", lambda: replace(_in([largest], privileged), from_us=week_us))
    then_us = YEAR_US // 2
    await page.told(
        "the largest group, an hour of half a year ago",
        lambda: replace(_in([largest], everyone), from_us=then_us, to_us=then_us + HOUR_US),
    )
    await page.told(
        "of one object, in the largest group",
        lambda: replace(_in([largest], everyone), object_id=draw.choice(site.objects)),
    )
    of_people = [(person, await _read_by(site, person)) for person in draw.sample(people, 20)]

    def by_one() -> Wanted:
        person, group_ids = draw.choice(of_people)
        return replace(_in(group_ids, everyone), reader_id=person)

    await page.told("by a person, everywhere", by_one)
    await page.told(
        "of what a person wrote, in 20 groups",
        lambda: replace(_in([largest, *draw.sample(usual, 19)], everyone), author_id=draw.choice(people)),
    )

    async def watched() -> None:
        async with site.database.read() as connection:
            _, position = await queries.head(connection, largest)
            (mark, *_) = await queries.changes(connection, largest, (position - draw.randrange(300, 1000), 0), 200)
            assert await queries.line_of(connection, _in([largest], privileged), mark[1])

    await measured("a line of a watch of the largest group", watched)


async def _read_by(site: Site, person: str) -> Sequence[str]:
    async with site.database.read() as connection:
        return await queries.groups_read_by(connection, person)


def _in(group_ids: Sequence[str], rule: ReadersShown) -> Wanted:
    return Wanted(dict.fromkeys(group_ids, by_rule(rule)))


class _Pages:
    """Asks for first pages, and for the fifth after each."""

    def __init__(self, site: Site) -> None:
        self._database = site.database

    async def told(self, what: str, wanted: Callable[[], Wanted]) -> None:
        async def first() -> None:
            await self._page(wanted(), None)

        async def later() -> None:
            asked, after = wanted(), None
            for _ in range(4):
                after = (await self._page(asked, after)).next
                if after is None:
                    return
            began_s = time.perf_counter()
            await self._page(asked, after)
            fifth_s.append(time.perf_counter() - began_s)

        fifth_s: list[float] = []
        await measured(what, first, page=1)
        for _ in range(QUESTIONS // 4):
            await later()
        if fifth_s:
            _tell(what, fifth_s, page=5)

    async def _page(self, wanted: Wanted, after: Key | None) -> Page:
        async with self._database.read() as connection:
            return await queries.lines(connection, wanted, after, PAGE)


async def receipts(site: Site, company: Company) -> None:
    """A receipt, from the access to the file; a tenth of them verified."""
    storage, policy = FolderStorage(site.folder), Policy(tuple(Party(key) for key in site.keys.verifiers))
    made = Receipts(storage, Shown(storage, policy, system_clock), Vault(site.database), site.keys)
    count = 0

    async def one() -> None:
        nonlocal count
        group_id, access_id = company.draw.choice(site.known)
        row = await made.find(group_id, access_id)
        assert row is not None
        receipt = await made.of(row)
        count += 1
        if count % 10 == 0:
            assert verify_receipt(receipt, policy).record["access"] == {"access_id": access_id}

    await measured("a receipt", one)


async def measured(what: str, ask: Callable[[], Awaitable[None]], **more: int) -> None:
    """Asks many times, after three that warm up."""
    for _ in range(3):
        await ask()
    took_s = []
    for _ in range(QUESTIONS):
        began_s = time.perf_counter()
        await ask()
        took_s.append(time.perf_counter() - began_s)
    _tell(what, took_s, **more)


def _tell(what: str, took_s: Sequence[float], **more: int) -> None:
    for percent in (50, 99):
        tell(f"ledger: {what}, p{percent}", percentile_ms(took_s, percent), "ms", **more)


async def main(accesses: int) -> None:
    """Fills a database and asks."""
    given = os.environ.get("REGARD_TEST_DATABASE_URL")
    server = None if given else PostgresServer()
    url = await create_database(given or (server.url if server else ""))
    database = Database(url)
    with tempfile.TemporaryDirectory(prefix="regard-bench-ledger-") as name:
        try:
            for tables in (METADATA, LOG):
                await database.create(tables)
            site = Site(url, Path(name), await log_keys(database, MASTER_KEY, ORIGIN), database)
            company = Company(accesses)
            began_s = time.perf_counter()
            await site.fill(company)
            tell("ledger: filled", accesses / (time.perf_counter() - began_s), "1/s", accesses=accesses)
            async with database.read() as connection:
                size = await connection.scalar(sa.text("SELECT pg_database_size(current_database())"))
            tell("ledger: size of the database", size / accesses, "bytes an access", accesses=accesses)
            await questions(site, company)
            await receipts(site, company)
        finally:
            await database.dispose()
            await drop_database(url)
            if server:
                server.stop()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ACCESSES))
