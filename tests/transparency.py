"""A log to try things with, and what re-verifies all of it from its storage."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from regard_client.verify.checkpoint import Checkpoint, open_checkpoint
from regard_client.verify.hashing import leaf_hash
from regard_client.verify.record import commitment
from regard_client.verify.record import entry as entry_of
from regard_client.verify.tiles import bundles, parse_bundle, tiles
from regard_client.verify.tree import root_of
from services.audit.log.keys import LogKeys, log_keys
from services.audit.log.pace import Pace
from services.audit.log.sequencer import Sequencer
from services.audit.log.storage import MemoryStorage, Storage
from services.audit.log.vault import METADATA, RECORDS, Lock, Vault, add, reading
from services.common.clock import system_clock
from services.common.database import Database
from services.common.ids import Position
from services.common.masterkey import MasterKey
from tests import judged

ORIGIN = "regard.example/log"
MASTER_KEY = MasterKey(b"m" * 32)


class Lost(Exception):
    """What a test lets fail."""


@dataclass
class Fault:
    """Lets one step fail, once: before it does anything, or `after` it is done."""

    step: str = ""
    after: bool = False
    passed: list[str] = field(default_factory=list)

    def arm(self, step: str, *, after: bool) -> None:
        """The next `step` fails."""
        self.step, self.after = step, after

    def around(self, step: str) -> Iterator[None]:
        """Use as `for _ in fault.around(step): do()`."""
        self.passed.append(step)
        failing, self.step = self.step == step, "" if self.step == step else self.step
        if failing and not self.after:
            raise Lost(step)
        yield
        if failing:
            raise Lost(step)


class FaultyStorage(Storage):
    """A storage whose steps can fail: `stage`, `bundle`, `tile`, `checkpoint`, `delete`."""

    def __init__(self, inner: Storage, fault: Fault) -> None:
        self.inner = inner
        self.fault = fault

    def put(self, path: str, data: bytes) -> None:
        for _ in self.fault.around(step_of(path)):
            self.inner.put(path, data)

    def replace(self, path: str, old: bytes | None, new: bytes) -> None:
        for _ in self.fault.around("checkpoint"):
            self.inner.replace(path, old, new)

    def get(self, path: str) -> bytes | None:
        return self.inner.get(path)

    def delete(self, path: str) -> None:
        for _ in self.fault.around("delete"):
            self.inner.delete(path)


def step_of(path: str) -> str:
    """The kind of a file."""
    if path.startswith("staging/"):
        return "stage"
    return "bundle" if path.startswith("tile/entries/") else "tile"


class FaultyVault(Vault):
    """A vault whose compare and swap can fail, before and after it is committed."""

    def __init__(self, database: Database, fault: Fault) -> None:
        super().__init__(database)
        self.fault = fault

    async def advance(self, old: Lock, new: Lock, first_leaf: int) -> None:
        for _ in self.fault.around("lock"):
            await super().advance(old, new, first_leaf)


class Log:
    """A vault on SQLite, rows that a test adds, and a storage."""

    def __init__(self, folder: Path, keys: LogKeys, database: Database, storage: Storage) -> None:
        self.folder = folder
        self.keys = keys
        self.database = database
        self.storage = storage
        self.published: list[Checkpoint] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, storage: Storage | None = None) -> AsyncIterator[Log]:
        """A log that does not exist yet, on SQLite or, with --real, on PostgreSQL."""
        from tests import parts  # not for the processes that are killed: it brings much along

        async with parts.database() as url:
            log = await cls.make(folder, storage, url)
            try:
                yield log
            finally:
                await log.close()

    @classmethod
    async def make(cls, folder: Path, storage: Storage | None = None, url: str = "") -> Log:
        """The same on a database that stays: that of `url`, else a file in the folder."""
        url = url or f"sqlite+aiosqlite:///{folder}/vault.sqlite"
        database = Database(url, durable=True, tables=METADATA)
        keys = await log_keys(database, MASTER_KEY, ORIGIN)
        return cls(folder, keys, database, storage or MemoryStorage())

    def sequencer(self, fault: Fault | None = None, leaves: int = 4, **more: object) -> Sequencer:
        """Somebody who sequences it."""
        if fault is None:
            return Sequencer(self.storage, Vault(self.database), self.keys, Pace(leaves), system_clock, **more)  # type: ignore[arg-type]
        storage, vault = FaultyStorage(self.storage, fault), FaultyVault(self.database, fault)
        return Sequencer(storage, vault, self.keys, Pace(leaves), system_clock, **more)  # type: ignore[arg-type]

    def sequencer_with(self, storage: Storage) -> Sequencer:
        """Somebody who sequences it on another storage."""
        return Sequencer(storage, Vault(self.database), self.keys, Pace(4), system_clock)

    async def add(self, count: int) -> None:
        """Rows that wait to be sequenced."""

        def added(transaction: sa.Connection) -> None:
            before = reading(transaction)
            rows: list[dict[str, object]] = []
            for number in range(before.rows, before.rows + count):
                salt, record = hashlib.sha256(b"%d" % number).digest(), b'{"number":%d}' % number
                row = {
                    "group_id": "g",
                    "revision": number,
                    "index": 0,
                    "access_id": f"a{number}",
                    "position": number + 1,
                }
                opens = {"commitment": commitment(salt, record), "salt": salt, "record": record}
                rows.append({**row, "recorded_at_us": 0, **opens})
            add(transaction, before, rows, Position(before.rows + count))

        await self.database.write(added)

    async def counted(self) -> int:
        """How many rows there are."""
        async with self.database.read() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(RECORDS)) or 0)

    async def check(self, *, sequenced: bool = True) -> Checkpoint:
        """Verifies the whole log from its storage against all that was seen of it. `sequenced`: no row waits.

        Where tessera's fsck is built, it judges each log too; the header of pytest says whether it is.
        """
        tree = await asyncio.to_thread(verify, self.storage, self.keys)
        if fsck := judged.found("fsck"):
            assert await asyncio.to_thread(self._judge, fsck, tree.size) == tree.size
        entries = await asyncio.to_thread(entries_of, self.storage, tree.size)
        hashes = [leaf_hash(entry) for entry in entries]
        for earlier in self.published:
            assert earlier.size <= tree.size, "what was published is gone"
            assert root_of(hashes[: earlier.size]) == earlier.root, "what was published has changed"
        self.published.append(tree)
        async with self.database.read() as connection:
            rows = (await connection.execute(sa.select(RECORDS).order_by(RECORDS.c.number))).all()
        found = await Vault(self.database).rows_at(0, tree.size)
        assert [row.number for row in found.values()] == list(range(len(found))), "rows are lost, doubled or reordered"
        if sequenced:
            assert len(found) == len(rows), "rows wait"
        for index, entry in enumerate(entries):
            row = found.get(index)
            if row is None:
                assert entry == b"\x01" + self.keys.chaff_commitment(index), f"nobody can explain leaf {index}"
            elif row.salt is None or row.record is None:
                assert row.tombstone is not None
                assert entry == b"\x01" + row.commitment
            else:
                assert entry == entry_of(row.salt, row.record), f"leaf {index} does not open"
        return tree

    def _judge(self, fsck: Path, size: int) -> int:
        """The size that fsck finds in a copy of what is published, `size` being what must be there."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path in ("checkpoint", *(one.path for one in (*tiles(size), *bundles(size)))):
                data = self.storage.get(path)
                assert data is not None, path
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
            found, said = judged.accepted(fsck, folder, str(self.keys.verifiers[0]), self.keys.origin)
        assert found is not None, f"fsck refuses the log: {said[:500]}"
        return found

    async def close(self) -> None:
        """Lets go of the vault."""
        await self.database.dispose()


def verify(storage: Storage, keys: LogKeys) -> Checkpoint:
    """The published tree, once its signatures, every bundle and every tile agree."""
    signed = storage.get("checkpoint")
    assert signed is not None, "nothing is published"
    for key in keys.verifiers:
        tree, _ = open_checkpoint(signed, keys.origin, (key,))
    hashes = [leaf_hash(entry) for entry in entries_of(storage, tree.size)]
    assert root_of(hashes) == tree.root
    level = hashes
    for tile in tiles(tree.size):
        if tile.level and not tile.index:
            level = [root_of(level[at : at + 256]) for at in range(0, len(level) // 256 * 256, 256)]
        assert storage.get(tile.path) == b"".join(level[tile.index * 256 : tile.index * 256 + tile.width]), tile.path
    return tree


def entries_of(storage: Storage, size: int) -> list[bytes]:
    """Every entry of the log."""
    entries: list[bytes] = []
    for bundle in bundles(size):
        data = storage.get(bundle.path)
        assert data is not None, bundle.path
        entries += parse_bundle(data, bundle.width)
    return entries


async def fails(attempt: Callable[[], Awaitable[object]]) -> None:
    """Awaits what a fault lets fail."""
    try:
        await attempt()
    except Lost:
        return
    raise AssertionError("nothing failed")
