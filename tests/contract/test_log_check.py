"""`regard check` of the log: right whatever happened to it, and every wrong file and leaf is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from regard_client.verify.tiles import bundles, tiles
from services.audit.log.erasing import Erasing
from services.audit.log.logcheck import LogCheck
from services.audit.log.storage import MemoryStorage
from services.audit.log.vault import RECORDS, Vault
from services.common.check import Checked
from services.common.clock import system_clock
from tests.transparency import Log


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with Log.opened(tmp_path) as log:
        yield log


async def checked(log: Log) -> Checked:
    return await LogCheck(log.storage, Vault(log.database), log.keys).run()


async def grown(log: Log, *steps: int, leaves: int = 4) -> int:
    """Sequences that many rows after one another; the size."""
    sequencer = log.sequencer(leaves=leaves)
    await sequencer.open()
    for rows in steps:
        await log.add(rows)
        while await sequencer.sequence():
            pass
    return sequencer.size


@pytest.mark.parametrize("leaves", [1, 4, 255, 256, 257, 65536, 65537])
async def test_a_log_of_any_size_is_right(log: Log, leaves: int) -> None:
    size = await grown(log, 3, 0, leaves=leaves)
    found = await checked(log)
    assert (found.rows, found.differences, found.behind) == (size, (), False)


async def test_what_waits_and_what_was_erased_is_no_fault(log: Log) -> None:
    await grown(log, 300, 5)
    await Erasing(log.database, system_clock).expire(system_clock())  # their rows are as old as 1970
    await grown(log, 0, 0)
    await log.add(1)
    found = await checked(log)
    assert (found.agrees, found.behind) == (True, True)


async def test_every_flipped_byte_is_named(log: Log) -> None:
    size = await grown(log, 700)
    assert isinstance(log.storage, MemoryStorage)
    good = dict(log.storage.files)
    for one in (*tiles(size), *bundles(size)):
        for bad in (good[one.path][:-1] + bytes([good[one.path][-1] ^ 1]), good[one.path][:-1], None):
            log.storage.files = {**good, one.path: bad} if bad is not None else {**good}
            if bad is None:
                del log.storage.files[one.path]
            found = await checked(log)
            assert not found.agrees
            if one in set(tiles(size)):
                assert [difference.key for difference in found.differences] == [(one.path,)]
    log.storage.files = good
    assert (await checked(log)).agrees


async def test_a_leaf_that_nobody_can_explain_is_named(log: Log) -> None:
    await grown(log, 8)
    leaf = await Vault(log.database).leaf_of(5)
    for change in ({"record": b"{}"}, {"salt": b"x" * 32}, {"salt": None, "record": None}):
        async with log.database.begin() as transaction:
            kept = (await transaction.execute(sa.select(RECORDS).where(RECORDS.c.number == 5))).one()
            await transaction.execute(sa.update(RECORDS).where(RECORDS.c.number == 5).values(change))
        found = await checked(log)
        assert [(one.key, one.kind) for one in found.differences] == [((str(leaf),), "unexpected")]
        async with log.database.begin() as transaction:
            back = {"salt": kept.salt, "record": kept.record}
            await transaction.execute(sa.update(RECORDS).where(RECORDS.c.number == 5).values(back))
    assert (await checked(log)).agrees
