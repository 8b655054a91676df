"""What Kafka may do to records: forget them, bring them again, in any order, from two relays. Views end the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.common import contracts
from services.embedded.kafka import EmbeddedKafka
from tests.faults.apart import Apart
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TOPICS = {file.topic: file.partitions for file in contracts.event_files()}
PARTITIONS = [TopicPartition(topic, number) for topic, count in TOPICS.items() for number in range(count)]
_MOST_AGAIN = 400


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    broker = EmbeddedKafka(TOPICS)
    yield broker
    broker.close()


@asynccontextmanager
async def _reader(kafka: EmbeddedKafka) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(bootstrap_servers=kafka.connection().bootstrap, auto_offset_reset="earliest")
    await reader.start()
    try:
        reader.assign(PARTITIONS)
        yield reader
    finally:
        await reader.stop()


async def _empty(kafka: EmbeddedKafka) -> None:
    """Forgets every record there is."""
    async with _reader(kafka) as reader:
        ends = await reader.end_offsets(PARTITIONS)
    for partition, end in ends.items():
        kafka.expire(partition.topic, partition.partition, end)


async def _again(kafka: EmbeddedKafka, draw: random.Random) -> int:
    """Sends records that are there a second time, in no order; how many."""
    async with _reader(kafka) as reader:
        await reader.seek_to_beginning()
        found = []
        while some := await reader.getmany(timeout_ms=1000):
            found += [record for records in some.values() for record in records]
            if len(found) >= _MOST_AGAIN:
                break
    some = draw.sample(found, min(len(found), _MOST_AGAIN))
    producer = AIOKafkaProducer(bootstrap_servers=kafka.connection().bootstrap)
    await producer.start()
    try:
        for record in some:
            await producer.send(
                record.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers)
            )
    finally:
        await producer.stop()
    return len(some)


async def test_records_forgotten_repeated_and_reordered_under_load(tmp_path: Path, kafka: EmbeddedKafka) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    product = Product(tmp_path, "all", REGARD_KAFKA_BOOTSTRAP=kafka.connection().bootstrap)
    try:
        url = await asyncio.to_thread(product.ready)
        await traffic.prepare(url, product.code)
        for number in range(rounds(2, of=20)):
            repeated = 0
            async with traffic.running(url):
                for _ in range(3):
                    await asyncio.sleep(draw.uniform(0.1, 0.5))
                    repeated += await _again(kafka, draw)
                    await _empty(kafka)
            await traffic.verify(url)
            await checked(product)
            print(f"round {number}: {repeated} records again, all forgotten three times: {traffic}")
    finally:
        product.close()


async def test_a_second_relay_stands_by_takes_over_and_is_fenced(tmp_path: Path) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    apart = Apart(tmp_path)
    try:
        url = await apart.start()
        await traffic.prepare(url, apart.anyone.code)
        await apart.add("second relay", "relay")
        for number in range(rounds(1, of=10)):
            first, second = draw.sample(["relay", "second relay"], 2)
            async with traffic.running(url):
                await asyncio.sleep(draw.uniform(0.2, 1.0))
                apart[first].pause()
                await asyncio.sleep(draw.uniform(1.0, 12.0))  # around the time after which the other takes over
                apart[first].resume()
                await asyncio.sleep(draw.uniform(0.0, 1.0))
            await traffic.verify(url)
            await checked(apart.anyone)
            print(f"round {number}: {first} paused, {second} beside it: {traffic}")
        said = apart["relay"].err.read_text() + apart["second relay"].err.read_text()
        assert "another relay is at work" in said
    finally:
        apart.close()
