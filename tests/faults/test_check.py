"""`regard check` finds what was lost, added or changed behind Regard's back, and names it without a word of content."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rounds import checked
from tests.faults.traffic import Traffic
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("check")]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Traffic]]:
    """An installation where people have been, at rest; its data are left as they are."""
    traffic = Traffic(random.Random(1))
    product = Product(tmp_path_factory.mktemp("check"), "all")
    try:
        asyncio.run(_used(product.ready(), product, traffic))
        assert product.stop() == 0
        yield product, traffic
    finally:
        product.close()


async def _used(url: str, product: Product, traffic: Traffic) -> None:
    await traffic.prepare(url, product.code)
    async with traffic.running(url):
        while traffic.progress < 30:
            await asyncio.sleep(0.05)
    await traffic.verify(url)


async def test_what_is_whole_is_said_to_be(stopped: tuple[Product, Traffic], tmp_path: Path) -> None:
    found = await asyncio.to_thread(stopped[0].command, "check")
    assert found.returncode == 0, found.stdout
    told = found.stdout
    assert "accesses, each in its row" in told
    assert told.count("ciphertexts, all open") == 2


_FIRST = "ROWID = (SELECT min(ROWID) FROM ledger_v1)"
_DAMAGE = (
    ("views/audit.sqlite", f"DELETE FROM ledger_v1 WHERE {_FIRST}"),
    ("views/audit.sqlite", f"UPDATE ledger_v1 SET record = x'00' WHERE {_FIRST}"),
    (
        "views/audit.sqlite",
        "INSERT INTO ledger_v1 SELECT 'invented', revision, [index], of, place + 1, access_id, 0, reader_id,"
        " reader_kind, action, purpose, purpose_reference, at_us, hour, record, position, ended_at_us, last_position"
        " FROM ledger_v1 WHERE ROWID = (SELECT max(ROWID) FROM ledger_v1)",
    ),
    ("views/audit.sqlite", "UPDATE ledger_heads_v1 SET revision = revision - 1"),
    ("vaults/groups.sqlite", "DELETE FROM content_keys WHERE author = '{bo}'"),
    ("vaults/identity.sqlite", "DELETE FROM person_keys WHERE person_id = '{cleo}'"),
)


async def test_what_was_lost_added_or_changed(stopped: tuple[Product, Traffic], tmp_path: Path) -> None:
    product, traffic = stopped
    data = tmp_path / "data"
    shutil.copytree(product.data, data)
    for file, statement in _DAMAGE:
        with contextlib.closing(sqlite3.connect(data / file)) as database, database:
            assert database.execute(statement.format(**traffic.ids)).rowcount == 1
    damaged = Product(tmp_path, "check", REGARD_DATA=str(data))
    assert damaged.ended() == 1
    told = damaged.out.read_text().splitlines()
    ledger = [line.split(": ")[-1] for line in told if line.startswith("ledger against access streams: ")]
    assert sorted(ledger) == ["different", "different", "missing", "unexpected"]
    assert f"content against keys: key {traffic.group_id}/{traffic.ids['bo']}: missing" in told
    assert f"profiles against keys: key {traffic.ids['cleo']}: missing" in told
    assert "message " not in damaged.out.read_text() + damaged.err.read_text()


async def test_a_key_that_was_made_again(stopped: tuple[Product, Traffic], tmp_path: Path) -> None:
    product, traffic = stopped
    data = tmp_path / "data"
    shutil.copytree(product.data, data)
    with contextlib.closing(sqlite3.connect(data / "vaults" / "groups.sqlite")) as database, database:
        database.execute("DELETE FROM content_keys WHERE author = ?", [traffic.ids["bo"]])
    again = Product(tmp_path / "again", "all", REGARD_DATA=str(data))
    try:
        url = await asyncio.to_thread(again.ready)
        await traffic.say(url, "bo")
        told = await asyncio.to_thread(again.command, "check")
    finally:
        again.close()
    assert told.returncode == 1
    assert "content against keys: ciphertext " in told.stdout
    assert told.stdout.count(": different") > 0


async def test_the_keys_of_a_group_that_are_back_after_its_deletion(
    stopped: tuple[Product, Traffic], tmp_path: Path
) -> None:
    product, traffic = stopped
    data = tmp_path / "data"
    shutil.copytree(product.data, data)
    deleting = Product(tmp_path / "deleting", "all", REGARD_DATA=str(data))
    try:
        await traffic.delete_group(await asyncio.to_thread(deleting.ready))
        await checked(deleting)
        assert deleting.stop() == 0
        shutil.rmtree(data / "vaults")
        shutil.copytree(product.data / "vaults", data / "vaults")  # the vaults from an old backup
        told = await asyncio.to_thread(deleting.command, "check")
    finally:
        deleting.close()
    assert told.returncode == 1
    assert f"content against keys: key {traffic.group_id}/label: unexpected" in told.stdout
