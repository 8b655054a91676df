"""A full disk under load: writing is refused with a sentence, nothing is shown unrecorded, and it passes by itself."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.disk import disk
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("kind", ["tmpfs", "files"])
async def test_a_full_disk_loses_nothing_and_passes(tmp_path: Path, kind: str) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    with disk(kind, tmp_path / "disk") as small:
        product = Product(tmp_path / "disk", "all")  # data and log
        try:
            url = await asyncio.to_thread(product.ready)
            await traffic.prepare(url, product.code)
            for number in range(rounds(2, of=20)):
                async with traffic.running(url):
                    await asyncio.sleep(draw.uniform(0.2, 1.0))
                    small.fill(product, draw.choice((0, 4_096, 65_536, 262_144)))
                    await asyncio.sleep(draw.uniform(0.5, 3.0))
                    is_killed = draw.random() < 0.3
                    if is_killed:
                        product.kill()
                    small.free(product)
                    if is_killed:
                        await asyncio.to_thread(product.start_again)
                    await asyncio.sleep(0.5)
                assert product.child.poll() is None, product.err.read_text()
                await traffic.verify(url)
                await checked(product)
                print(f"round {number}: {traffic}, {dict(traffic.refusals)}")
        finally:
            product.close()
