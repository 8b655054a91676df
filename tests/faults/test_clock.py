"""The clock is set back, and on again, under load: nothing is lost or shown unrecorded, and nobody comes back in."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class WronglyTimed(Product):
    """A product whose own clock is off by as many seconds as its file says; the gateway's is not."""

    def __init__(self, folder: Path) -> None:
        self.shift = folder / "shift"
        self.shift.write_text("0")
        super().__init__(folder, "all", REGARD_FAULT_SHIFT=str(self.shift))

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-m", "tests.faults.shifted", *self._targets]

    def off_by(self, seconds: float) -> None:
        """From now on."""
        fresh = self.shift.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.shift)


async def test_a_clock_that_is_set_back_and_on_loses_nothing(tmp_path: Path) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    product = WronglyTimed(tmp_path)
    try:
        url = await asyncio.to_thread(product.ready)
        await traffic.prepare(url, product.code)
        for number in range(rounds(2, of=20)):
            async with traffic.running(url):
                for _ in range(3):
                    await asyncio.sleep(draw.uniform(0.1, 0.5))
                    product.off_by(draw.uniform(-180.0, 60.0))
                if draw.random() < 0.5:
                    product.kill()
                    await asyncio.to_thread(product.start_again)
                await asyncio.sleep(0.5)
            await traffic.verify(url)
            await checked(product)
            print(f"round {number}: off by {product.shift.read_text()} s: {traffic}, {dict(traffic.refusals)}")
    finally:
        product.close()
