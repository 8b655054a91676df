"""Each part killed and paused by itself, in a process of its own, under load: the others bear it and go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.apart import PARTS, Apart
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[Apart]:
    installation = Apart(tmp_path)
    yield installation
    installation.close()


async def test_each_part_is_killed_and_paused_under_load(apart: Apart) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    url = await apart.start()
    await traffic.prepare(url, apart.anyone.code)
    faults = [("kill", name) for name in PARTS] + [("pause", name) for name in (*PARTS, "kafka")]
    draw.shuffle(faults)
    for number in range(rounds(6, of=3 * len(faults))):
        how, name = faults[number % len(faults)]
        part = apart[name]
        async with traffic.running(url):
            await asyncio.sleep(draw.uniform(0.2, 1.0))
            if how == "kill":
                part.kill()
                await asyncio.sleep(draw.uniform(0, 1.0))
                await apart.start_again(name)
            else:
                part.pause()
                await asyncio.sleep(draw.uniform(0.5, 4.0))
                part.resume()
            await asyncio.sleep(0.5)
        await traffic.verify(url)
        await checked(apart.anyone)
        print(f"round {number}: {how} {name}: {traffic}")
