"""kill -9 of the whole product under load: nothing acknowledged is lost or doubled, nothing is shown unrecorded."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.product import Product


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_acknowledged_writes_and_records_survive_kill_9(tmp_path: Path) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    product = Product(tmp_path, "all")
    try:
        url = await asyncio.to_thread(product.ready)
        await traffic.prepare(url, product.code)
        for number in range(rounds(4, of=50)):
            async with traffic.running(url):
                await asyncio.sleep(draw.uniform(0.3, 2.0))
                product.kill()
            await checked(product)
            await asyncio.to_thread(product.start_again)
            await traffic.verify(url)
            print(f"round {number}: {traffic}")
    finally:
        product.close()
