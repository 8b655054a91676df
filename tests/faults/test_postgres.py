"""PostgreSQL, a genuine one, killed and paused under load: nothing is lost or doubled, and it passes by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.genuine import PostgresServer, create_database
from tests.product import Product

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not parts.is_real, reason="needs genuine servers: `make real` and `make faults` run these"),
]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


async def test_postgresql_is_killed_and_paused_under_load(tmp_path: Path, postgres: PostgresServer) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    with parts.kafka({}) as kafka:
        product = Product(
            tmp_path,
            "all",
            REGARD_KAFKA_BOOTSTRAP=kafka.connection().bootstrap,
            REGARD_DATABASE_URL=await create_database(postgres.url),
        )
        try:
            url = await asyncio.to_thread(product.ready)
            await traffic.prepare(url, product.code)
            for number in range(rounds(2, of=20)):
                how = ("kill", "pause")[number % 2]
                async with traffic.running(url):
                    await asyncio.sleep(draw.uniform(0.5, 2.0))
                    if how == "kill":
                        postgres.kill()
                        await asyncio.sleep(draw.uniform(0.0, 5.0))
                        postgres.launch_again()
                        await asyncio.to_thread(postgres.wait)
                    else:
                        postgres.pause()
                        await asyncio.sleep(draw.uniform(1.0, 8.0))
                        postgres.resume()
                    await asyncio.sleep(1.0)
                assert product.child.poll() is None, product.err.read_text()
                await traffic.verify(url)
                await checked(product)
                print(f"round {number}: {how}: {traffic}, {dict(traffic.refusals)}")
        finally:
            product.close()
