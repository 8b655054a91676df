"""What a database cannot do is told as what it is, and leaks nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from services.common import database
from services.common.database import BUSY, DAMAGED, DISK_FULL, READ_ONLY, Database
from services.common.errors import Refused

METADATA = sa.MetaData()
ROWS = sa.Table("rows", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String))


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/deep/er/rows.sqlite")
    await opened.create(METADATA)
    yield opened
    await opened.dispose()


async def count(opened: Database) -> int:
    async with opened.read() as connection:
        return await connection.scalar(sa.select(sa.func.count()).select_from(ROWS)) or 0


async def test_a_block_that_raises_leaves_nothing(rows: Database) -> None:
    async def fail() -> None:
        async with rows.begin() as transaction:
            await transaction.execute(sa.insert(ROWS).values(id=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(rows) == 0


async def test_a_reader_sees_one_state_while_others_write(rows: Database) -> None:
    async with rows.read() as reader:
        assert await reader.scalar(sa.select(sa.func.count()).select_from(ROWS)) == 0
        async with rows.begin() as transaction:
            await transaction.execute(sa.insert(ROWS).values(id=1))
        assert await reader.scalar(sa.select(sa.func.count()).select_from(ROWS)) == 0
    assert await count(rows) == 1


async def test_writers_queue(rows: Database) -> None:
    async def increment() -> None:
        async with rows.begin() as transaction:
            before = await transaction.scalar(sa.select(ROWS.c.text).where(ROWS.c.id == 1))
            await transaction.execute(sa.update(ROWS).values(text=str(int(before or 0) + 1)))

    async with rows.begin() as transaction:
        await transaction.execute(sa.insert(ROWS).values(id=1, text="0"))
    await asyncio.gather(*(increment() for _ in range(40)))
    async with rows.read() as connection:
        assert await connection.scalar(sa.select(ROWS.c.text)) == "40"


async def test_creating_again_changes_nothing(rows: Database) -> None:
    async with rows.begin() as transaction:
        await transaction.execute(sa.insert(ROWS).values(id=1))
    await asyncio.gather(*(rows.create(METADATA) for _ in range(3)))
    assert await count(rows) == 1


async def test_a_defect_passes_through_without_its_values(rows: Database) -> None:
    async with rows.begin() as transaction:
        await transaction.execute(sa.insert(ROWS).values(id=1, text="secret"))
    with pytest.raises(IntegrityError) as error:
        async with rows.begin() as transaction:
            await transaction.execute(sa.insert(ROWS).values(id=1, text="secret"))
    assert "secret" not in str(error.value)


async def test_an_error_of_the_callers_own_is_not_the_databases(rows: Database) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with rows.begin():
            raise ConnectionRefusedError


async def test_locked_by_another_process(rows: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_MS", 1)
    path = tmp_path / "deep/er/rows.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    second = Database(f"sqlite+aiosqlite:///{path}")
    try:
        with pytest.raises(Refused) as refused:
            async with second.begin():
                pass
        assert refused.value.refusal is BUSY
        assert await count(second) == 0
        other.rollback()
        async with second.begin() as transaction:
            await transaction.execute(sa.insert(ROWS).values(id=1))
    finally:
        other.close()
        await second.dispose()


async def test_a_full_disk(rows: Database) -> None:
    async def fill() -> None:
        async with rows.begin() as transaction:
            await transaction.exec_driver_sql("PRAGMA max_page_count = 4")
            await transaction.execute(sa.insert(ROWS), [{"id": id_, "text": "x" * 1000} for id_ in range(100)])

    with pytest.raises(Refused) as refused:
        await fill()
    assert refused.value.refusal is DISK_FULL
    assert await count(rows) == 0


async def test_a_file_that_may_not_be_written(rows: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a database makes its folder, here one named "file:"
    read_only = Database(f"sqlite+aiosqlite:///file:{tmp_path}/deep/er/rows.sqlite?mode=ro&uri=true")
    try:
        with pytest.raises(Refused) as refused:
            async with read_only.begin() as transaction:
                await transaction.execute(sa.insert(ROWS).values(id=1))
        assert refused.value.refusal is READ_ONLY
    finally:
        await read_only.dispose()


async def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite"
    damage = b"not a database " * 1000
    path.write_bytes(damage)
    damaged = Database(f"sqlite+aiosqlite:///{path}")
    try:
        with pytest.raises(Refused) as refused:
            await damaged.create(METADATA)
        assert refused.value.refusal is DAMAGED
    finally:
        await damaged.dispose()
    assert path.read_bytes() == damage


async def test_a_server_that_is_away() -> None:
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="rows")
    try:
        with pytest.raises(Refused) as refused:
            async with away.read():
                pass
        assert refused.value.refusal is BUSY
    finally:
        await away.dispose()
