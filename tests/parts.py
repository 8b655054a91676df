"""What the tests run on: the embedded parts or, with `pytest --real`, genuine servers. The tests are the same.

Each user of a part has it to itself and finds it empty: an embedded Kafka of its own, or a genuine one that nobody else
uses meanwhile and that is emptied afterwards; an SQLite file, or a database of its own on one PostgreSQL server; an
embedded event store of its own, or a part of the node that REGARD_EVENTSTORE_URI names (tests/node.py).
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from services.embedded.kafka import EmbeddedKafka
from tests.genuine import (
    EventStorePart,
    KafkaServer,
    PostgresServer,
    create_database,
    drop_database,
    everything_in,
)
from tests.node import part_of
from tests.product import Product
from tests.spread import Spread

Result = TypeVar("Result")
Broker = EmbeddedKafka | KafkaServer
Installed = Product | Spread

is_real = False
"""Whether the tests were asked to run on genuine servers; tests/conftest.py sets it."""

_THIS_RUN = uuid.uuid4().hex
_brokers: list[KafkaServer] = []
_idle: list[KafkaServer] = []
_postgres: list[PostgresServer] = []
_databases: dict[Path, str] = {}


@contextmanager
def kafka(topics: Mapping[str, int]) -> Iterator[Broker]:
    """A Kafka that holds nothing; the embedded one has the topics, by name with their partitions, already."""
    if not is_real:
        embedded = EmbeddedKafka(topics)
        try:
            yield embedded
        finally:
            embedded.close()
        return
    if not _idle:
        _brokers.append(KafkaServer())
        _idle.append(_brokers[-1])
    server = _idle.pop()
    try:
        yield server
    finally:
        server.clear()
        _idle.append(server)


def database_server() -> str:
    """URL of the PostgreSQL server to make databases or schemas on; empty: SQLite files."""
    if given := os.environ.get("REGARD_TEST_DATABASE_URL"):
        return given
    if is_real and not _postgres:
        _postgres.append(PostgresServer())
    return _postgres[0].url if is_real else ""


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """URL of an empty database on the server; empty: SQLite files."""
    server = database_server()
    if not server:
        yield ""
        return
    url = await create_database(server)
    try:
        yield url
    finally:
        await drop_database(url)


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[dict[str, object]]:
    """Settings that name parts for the installation of this data folder; what they do not name, it brings itself.

    Opened again, it finds its database and its events as they were, and Kafka empty: as the embedded ones do.
    """
    named: dict[str, object] = {}
    async with AsyncExitStack() as stack:
        if node := given_node():
            name = uuid.uuid5(uuid.NAMESPACE_URL, f"{_THIS_RUN}{folder}").hex
            named["eventstore_uri"] = await stack.enter_async_context(part_of(node, name))
        if is_real:
            if folder not in _databases:
                _databases[folder] = await create_database(database_server())
            named["database_url"] = _databases[folder]
            named["kafka_bootstrap"] = stack.enter_context(kafka({})).connection().bootstrap
        yield named


def given_node() -> str:
    """URI of the event store's node to run on; empty: embedded ones. Each user has a part of it to itself."""
    return os.environ.get("REGARD_EVENTSTORE_URI", "")


@contextmanager
def product(folder: Path, *more: str) -> Iterator[Installed]:
    """The whole product with these further targets: in one process or, on genuine servers, each part in its own."""
    with ExitStack() as stack:
        if is_real:
            servers = {
                "REGARD_KAFKA_BOOTSTRAP": stack.enter_context(kafka({})).connection().bootstrap,
                "REGARD_DATABASE_URL": _waited_for(create_database(database_server())),
            }
            stack.callback(lambda: _waited_for(drop_database(servers["REGARD_DATABASE_URL"])))
            if node := given_node():
                part = EventStorePart(node)
                stack.callback(part.stop)
                servers["REGARD_EVENTSTORE_URI"] = part.uri
            started: Installed = Spread(folder, *more, **servers)
        else:
            started = Product(folder, "all", *more)
        stack.callback(started.close)
        yield started


async def at_rest(folder: Path) -> bytes:
    """Every byte that an installation keeps: its files, and the name and content of each table in its database."""
    files = await asyncio.to_thread(lambda: [path.read_bytes() for path in folder.rglob("*") if path.is_file()])
    tables = await everything_in(_databases[folder]) if folder in _databases else b""
    return b"".join(files) + tables


def close() -> None:
    """Ends the servers that were started, and leaves nothing on one that was given."""
    for url in _databases.values():
        _waited_for(drop_database(url))
    for server in (*_brokers, *_postgres):
        server.stop()


def _waited_for(work: Coroutine[None, None, Result]) -> Result:
    """The result, wherever this is called: a loop may be at hand, and none is disturbed."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
