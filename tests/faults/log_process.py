"""A sequencer in a process of its own, to be killed."""

import asyncio
from multiprocessing.connection import Connection
from pathlib import Path

from services.audit.log.storage import FolderStorage
from services.audit.log.vault import Overtaken
from tests.transparency import Log


def main(folder: Path, told: Connection) -> None:
    """Sequences as fast as it can, while rows come in, until it is killed; tells of each batch."""
    asyncio.run(_sequence(folder, told))


async def _sequence(folder: Path, told: Connection) -> None:
    log = await Log.make(folder, FolderStorage(folder / "log"))

    async def add() -> None:
        while True:
            await log.add(50)
            await asyncio.sleep(0.001)

    adding = asyncio.create_task(add())
    sequencer = log.sequencer()
    while not adding.done():
        try:
            await sequencer.open()
            while True:
                await sequencer.sequence()
                told.send_bytes(b"x")
        except Overtaken:
            continue
