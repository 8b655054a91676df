"""Content keys are made once, lie wrapped, and are gone for good once their group is destroyed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.clock import system_clock
from services.common.database import Database
from services.common.masterkey import MasterKey, WrongMasterKey
from services.groups.keys import LABEL, METADATA, ContentKeys
from tests.unit.groups.databases import same_database

MASTER_KEY = MasterKey(bytes(32))


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[tuple[Database, ...]]:
    """Two processes' connections to one vault."""
    async with same_database(tmp_path, 2, METADATA) as both:
        yield both


def content_keys(database: Database, master_key: MasterKey = MASTER_KEY) -> ContentKeys:
    return ContentKeys(database, master_key, system_clock)


async def test_simultaneous_processes_make_one_key_per_author(databases: tuple[Database, ...]) -> None:
    processes = [content_keys(database) for database in databases]
    made = await asyncio.gather(*(process.ensure("group", ["ada", "bob", LABEL]) for process in processes * 5))
    assert all(keys == made[0] for keys in made)
    assert made[0].keys() == {"ada", "bob", LABEL}
    assert len({key.secret for key in made[0].values()}) == 3


async def test_keys_belong_to_one_group_and_one_author(databases: tuple[Database, ...]) -> None:
    keys = content_keys(databases[0])
    here, there = await keys.ensure("here", ["ada"]), await keys.ensure("there", ["ada"])
    assert here["ada"].secret != there["ada"].secret
    assert here["ada"].subject == "here/ada"
    assert await keys.find("here", ["ada", "bob"]) == here
    assert await keys.find("nowhere", ["ada"]) == {}


async def test_an_author_who_was_erased_has_no_key_and_gets_none_again(databases: tuple[Database, ...]) -> None:
    keys, others = (content_keys(database) for database in databases)
    bob = (await keys.ensure("here", ["ada", "bob"]))["bob"]
    await keys.ensure("there", ["ada"])
    for _ in range(2):
        assert sorted(await keys.erase(["ada"])) == [("here", "ada"), ("there", "ada")]
    for process in (keys, others):
        assert await process.find("here", ["ada", "bob"]) == {"bob": bob}
        assert await process.ensure("here", ["ada", "bob"]) == {"bob": bob}
        assert await process.ensure("there", ["ada"]) == {}
        assert await process.held(["here/ada", "here/bob", "there/ada"]) == {
            "here/ada": None,
            "here/bob": bob,
            "there/ada": None,
        }
        assert await process.of_authors(["ada", "bob"]) == await process.of_groups(["here", "there"]) == ["here/bob"]
        await process.check()


async def test_label_keys_of_many_groups_come_together(databases: tuple[Database, ...]) -> None:
    keys = content_keys(databases[0])
    groups = [f"group {number}" for number in range(1100)]
    made = {group: (await keys.ensure(group, [LABEL, "ada"]))[LABEL] for group in (groups[0], groups[-1])}
    assert await keys.of_labels(groups) == made
    assert await keys.of_labels([]) == {}


async def test_a_destroyed_group_has_no_key_and_never_gets_one_again(databases: tuple[Database, ...]) -> None:
    keys = content_keys(databases[0])
    other = await keys.ensure("other", ["ada"])
    await keys.ensure("group", ["ada", LABEL])
    await keys.destroy("group")
    assert await keys.find("group", ["ada", LABEL]) == {}
    assert await keys.ensure("group", ["ada", "bob", LABEL]) == {}
    assert await keys.of_labels(["group"]) == {}
    await keys.destroy("group")
    assert await keys.find("other", ["ada"]) == other


async def test_a_group_that_never_had_a_key_can_be_destroyed(databases: tuple[Database, ...]) -> None:
    keys = content_keys(databases[0])
    await keys.destroy("group")
    assert await keys.ensure("group", ["ada"]) == {}


async def test_no_key_is_made_while_a_group_is_destroyed(databases: tuple[Database, ...]) -> None:
    processes = [content_keys(database) for database in databases]
    for number in range(20):
        group, authors = f"group {number}", ["ada", "bob"]
        await asyncio.gather(
            processes[0].ensure(group, authors), processes[1].destroy(group), processes[1].ensure(group, authors)
        )
        assert await processes[0].find(group, authors) == {}


async def test_destroyed_keys_are_not_in_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/vault.sqlite", durable=True, tables=METADATA)
    keys = content_keys(database)
    await keys.ensure("group", ["ada"])
    with sqlite3.connect(tmp_path / "vault.sqlite") as file:
        (wrapped,) = file.execute("SELECT wrapped FROM content_keys").fetchone()
    file.close()

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert wrapped in everything()
    await keys.destroy("group")
    assert wrapped not in everything()
    await database.dispose()


async def test_the_vault_alone_opens_nothing(databases: tuple[Database, ...]) -> None:
    await content_keys(databases[0]).check()
    await content_keys(databases[0]).ensure("group", ["ada"])
    await content_keys(databases[0]).check()
    stranger = content_keys(databases[1], MasterKey(bytes([1]) * 32))
    with pytest.raises(WrongMasterKey):
        await stranger.check()
    with pytest.raises(WrongMasterKey):
        await stranger.find("group", ["ada"])


async def test_a_wrapped_key_is_good_in_its_own_row_only(databases: tuple[Database, ...]) -> None:
    keys = content_keys(databases[0])
    await keys.ensure("group", ["ada", "bob"])
    async with databases[0].begin() as transaction:
        await transaction.exec_driver_sql(
            "UPDATE content_keys SET (key_id, wrapped) ="
            " (SELECT key_id, wrapped FROM content_keys WHERE author = 'bob') WHERE author = 'ada'"
        )
    with pytest.raises(WrongMasterKey):
        await keys.find("group", ["ada"])
