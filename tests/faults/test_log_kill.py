"""kill -9 of the sequencer under load, 500 times with `make faults`: after each, the whole log is verified."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from services.audit.log.storage import FolderStorage
from tests.faults import log_process
from tests.faults.rounds import rounds, seeded
from tests.transparency import Log

_LIMIT_S = 60.0
_ON_ONE_LOG = 50
"""Kills; then a new log, since all of it is read again after each."""


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_a_log_survives_kill_9(tmp_path: Path) -> None:
    draw, times = seeded(), rounds(12, of=500)
    processes = multiprocessing.get_context("forkserver")  # starts a process in milliseconds, each time a new one
    processes.set_forkserver_preload([log_process.__name__])
    for first in range(0, times, _ON_ONE_LOG):
        folder = tmp_path / str(first)
        folder.mkdir()
        await _killed(folder, min(_ON_ONE_LOG, times - first), processes, draw)


async def _killed(folder: Path, times: int, processes: ForkServerContext, draw: random.Random) -> None:
    log = await Log.make(folder, FolderStorage(folder / "log"))
    for _ in range(times):
        heard, told = processes.Pipe(duplex=False)
        child = processes.Process(target=log_process.main, args=(folder, told))
        child.start()
        told.close()
        try:
            await asyncio.to_thread(_wait, heard, draw.randrange(1, 6))
            await asyncio.sleep(draw.uniform(0, 0.15))
        finally:
            child.kill()
            child.join()
            heard.close()
        await log.check(sequenced=False)
    sequencer = log.sequencer()
    await sequencer.open()
    while await sequencer.sequence():
        pass
    tree = await log.check()
    print(f"killed {times} times, {tree.size} leaves of {await log.counted()} rows")
    await log.close()


def _wait(heard: Connection, batches: int) -> None:
    """Until it has sequenced that many; EOFError if it ends by itself."""
    for _ in range(batches):
        assert heard.poll(_LIMIT_S), "it sequences nothing"
        heard.recv_bytes()
