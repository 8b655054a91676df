"""The log as a tool of others sees it: tessera's fsck accepts it after everything, and refuses one wrong byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from regard_client.verify.tiles import bundles, tiles
from services.audit.log.storage import FolderStorage
from tests import judged
from tests.transparency import Fault, Log, Lost, fails

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = ("stage", "lock", "bundle", "tile", "checkpoint", "delete")


@pytest.fixture(scope="module")
def program() -> Path:
    return judged.built("fsck")


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with Log.opened(tmp_path, FolderStorage(tmp_path / "log")) as log:
        yield log


async def accepts(program: Path, log: Log) -> int | None:
    """The size that the judge saw; None when it refuses."""
    vkey, folder = str(log.keys.verifiers[0]), log.folder / "log"
    return (await asyncio.to_thread(judged.accepted, program, folder, vkey, log.keys.origin))[0]


@pytest.mark.parametrize("size", [1, 4, 255, 256, 257, 700, 65536, 65537, 70000])
async def test_logs_of_every_interesting_size_are_accepted(program: Path, log: Log, size: int) -> None:
    sequencer = log.sequencer(leaves=size)
    await sequencer.open()
    await log.add(min(size, 3))
    await sequencer.sequence()
    assert await accepts(program, log) == size == (await log.check(sequenced=False)).size


async def test_logs_are_accepted_at_every_step_of_their_growth(program: Path, log: Log) -> None:
    sequencer = log.sequencer(leaves=4)
    await sequencer.open()
    for rows in (0, 1, 250, 3, 900, 0, 7):
        await log.add(rows)
        while await sequencer.sequence():
            assert await accepts(program, log) == sequencer.size
    await log.check()


@pytest.mark.parametrize("after", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize("step", STEPS)
async def test_logs_are_accepted_whatever_failed(program: Path, log: Log, step: str, after: bool) -> None:
    fault = Fault()
    sequencer = log.sequencer(fault, leaves=100)
    await sequencer.open()
    await sequencer.sequence()
    for rows in (0, 300):
        await log.add(rows)
        fault.arm(step, after=after)
        if step == "delete":
            while fault.step:
                try:
                    await sequencer.sequence()
                except Lost:
                    break
        else:
            await fails(sequencer.sequence)
        size = (await log.check(sequenced=False)).size
        assert await accepts(program, log) == size
        await sequencer.open()
        assert await accepts(program, log) == sequencer.size
        await sequencer.sequence()
        assert await accepts(program, log) == sequencer.size


async def test_one_flipped_byte_anywhere_is_refused(program: Path, log: Log) -> None:
    sequencer = log.sequencer(leaves=700)
    await sequencer.open()
    await log.add(10)
    await sequencer.sequence()
    assert await accepts(program, log) == 700
    paths = ["checkpoint", *(one.path for one in (*tiles(700), *bundles(700)))]
    for path in paths:
        file = log.folder / "log" / path
        good = file.read_bytes()
        where = len(good) // 3 if path != "checkpoint" else good.index(b"\n") + 1
        file.write_bytes(good[:where] + bytes([good[where] ^ 1]) + good[where + 1 :])
        assert await accepts(program, log) is None, path
        file.write_bytes(good)
    assert await accepts(program, log) == 700
