"""Kafka of three genuine brokers that are killed under load: nothing is lost or doubled, and views catch up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.genuine import KafkaCluster
from tests.product import Product

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not parts.is_real, reason="needs genuine servers: `make real` and `make faults` run these"),
]


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    started = KafkaCluster()
    yield started
    started.stop()


async def test_brokers_are_killed_under_load(tmp_path: Path, cluster: KafkaCluster) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    product = Product(tmp_path, "all", REGARD_KAFKA_BOOTSTRAP=cluster.bootstrap)
    try:
        url = await asyncio.to_thread(product.ready)
        await traffic.prepare(url, product.code)
        order = draw.sample(cluster.nodes, 3)
        for number in range(rounds(3, of=15)):
            # One after another; every third time two at once, so that Kafka takes nothing until they are back.
            first = number % 3
            lost = [order[first], *([order[0]] if first == 2 else [])]
            async with traffic.running(url):
                await asyncio.sleep(draw.uniform(0.5, 2.0))
                for node in lost:
                    node.kill()
                await asyncio.sleep(draw.uniform(0.0, 8.0))
                for node in lost:
                    node.launch_again()
                for node in lost:
                    await asyncio.to_thread(node.wait)
                while await asyncio.to_thread(lambda: cluster.nodes[0].in_sync) < 3:
                    await asyncio.sleep(0.1)
            assert product.child.poll() is None, product.err.read_text()
            await traffic.verify(url)
            await checked(product)
            print(f"round {number}: {len(lost)} of 3 lost: {traffic}, {dict(traffic.refusals)}")
    finally:
        product.close()
