"""A service reduced to what moves events: one topic, one view, an event store in memory, Kafka."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy.dialects.postgresql import insert

from services.common.clock import system_clock
from services.common.codec import Codec, Event
from services.common.contracts import EventFile
from services.common.database import Database
from services.common.eventstore import ExpectedState, MemoryEventStore, NewEvent, Recorded
from services.common.kafka import Arrival, Kafka, decode_record, encode_headers, partition_of
from services.common.projection import Projection, Reaction, Runner, Timing, positions
from services.common.relay import Relay
from services.common.relay import Timing as RelayTiming
from tests import parts

TOPIC = "regard.notes.events"
PARTITIONS = 4
NOTES = EventFile("notes", TOPIC, PARTITIONS, ("note",), (StringValue,))
CODEC = Codec([NOTES])
QUICK = Timing(compare_s=0.05, first_retry_s=0.001, longest_retry_s=0.01)
NEVER_COMPARING = Timing(compare_s=3600, first_retry_s=0.001, longest_retry_s=0.01)
QUICK_RELAY = RelayTiming(checkpoint_s=0.01, first_retry_s=0.001, longest_retry_s=0.01, standby_s=0.1)
# Short, because the group of a runner that was ended holds up the next one until it is over.
SESSION_TIMEOUT_MS = 1200

METADATA = sa.MetaData()
LINES = sa.Table(
    "lines_v1",
    METADATA,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("stream", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
)
TOTALS = sa.Table(
    "totals_v1",
    METADATA,
    sa.Column("stream", sa.String, primary_key=True),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("all_text", sa.String, nullable=False),
)


def reduce_line(event: Event) -> Sequence[sa.Executable]:
    """Neither idempotent nor commutative: an event applied twice, left out or out of order shows in `totals_v1`.

    Nor does a repetition fail by itself: only the position can prevent it.
    """
    assert isinstance(event.message, StringValue)
    text = event.message.value
    total = insert(TOTALS).values(stream=event.stream, lines=1, all_text=text)
    return (
        insert(LINES).values(position=event.position, stream=event.stream, text=text).on_conflict_do_nothing(),
        total.on_conflict_do_update(
            index_elements=["stream"],
            set_={"lines": TOTALS.c.lines + 1, "all_text": TOTALS.c.all_text + total.excluded.all_text},
        ),
    )


def view(reduce: Callable[[Event], Sequence[sa.Executable]] = reduce_line) -> Projection:
    """The view, as a process that starts would declare it."""
    return Projection("lines_v1", "notes", (TOPIC,), METADATA, reduce)


async def eventually(condition: Callable[[], Awaitable[bool]], deadline_s: float = 60) -> None:
    """Waits for the condition; AssertionError if it does not come true in time."""
    end = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        await asyncio.sleep(0.005)


class Stage:
    """Everything that the events pass through, and ways to disturb it."""

    def __init__(self, folder: Path, broker: parts.Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.kafka: Kafka = broker.connection(session_timeout_ms=SESSION_TIMEOUT_MS)
        self.store = MemoryEventStore(system_clock)
        url = parts.database_server()
        self.schema = f"test_{uuid.uuid4().hex}" if url else ""
        self.database = Database(url or f"sqlite+aiosqlite:///{folder}/notes.sqlite", schema=self.schema)

    async def close(self) -> None:
        """Lets go of the database, and leaves nothing on a server."""
        if self.schema:
            async with self.database.begin() as transaction:
                await transaction.execute(sa.schema.DropSchema(self.schema, cascade=True, if_exists=True))
        await self.database.dispose()

    async def write(self, stream: str, *texts: str) -> list[Recorded]:
        """Appends events to the store alone."""
        events = [NewEvent(*CODEC.encode(StringValue(value=text)), {"actor": "awa"}, uuid.uuid4()) for text in texts]
        await self.store.append(stream, events, ExpectedState.ANY)
        return list((await self.store.load(stream)).events[-len(texts) :])

    async def log(self) -> list[Recorded]:
        """All events, in order."""
        return [recorded async for recorded in self.store.read_all(prefixes=NOTES.prefixes)]

    async def chain(self) -> list[tuple[Recorded, int]]:
        """All events with the position of the one before in the partition, as a relay would send them."""
        previous: dict[int, int] = {}
        chained = []
        for recorded in await self.log():
            partition = partition_of(recorded.stream, PARTITIONS)
            chained.append((recorded, previous.get(partition, 0)))
            previous[partition] = recorded.position
        return chained

    async def send(self, records: Sequence[tuple[Recorded, int]]) -> None:
        """Puts records on the topic, in the given order, however wrong."""
        async with self.producer() as producer:
            for recorded, previous in records:
                await producer.send_and_wait(
                    TOPIC,
                    recorded.data,
                    key=recorded.stream.encode(),
                    partition=partition_of(recorded.stream, PARTITIONS),
                    headers=encode_headers(recorded, previous, "notes"),
                )

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A producer for what no relay would send."""
        producer = self.kafka.producer()
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def records(self, count: int) -> list[Arrival]:
        """All records on the topic, once there are at least `count`; order holds within a partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, fetch_max_wait_ms=10)
        await consumer.start()
        try:
            parts = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
            consumer.assign(parts)
            await consumer.seek_to_beginning()
            found: list[Arrival] = []
            async with asyncio.timeout(60):
                ends = await consumer.end_offsets(parts)
                while len(found) < count or any([await consumer.position(part) < ends[part] for part in parts]):
                    for batch in (await consumer.getmany(timeout_ms=20)).values():
                        for one in batch:
                            arrival = decode_record(one.topic, one.partition, one.offset, one.headers, one.value)
                            assert isinstance(arrival, Arrival)
                            found.append(arrival)
            return found
        finally:
            await consumer.stop()

    def runner(self, follower: Projection | Reaction, timing: Timing = NEVER_COMPARING) -> Runner:
        """A runner on this stage; it compares with the store's head only if `timing` says so."""
        return Runner(
            follower,
            store=self.store,
            codec=CODEC,
            kafka=self.kafka,
            database=self.database,
            event_files=[NOTES],
            timing=timing,
        )

    @asynccontextmanager
    async def running(self, follower: Projection | Reaction, timing: Timing = NEVER_COMPARING) -> AsyncIterator[Runner]:
        """A runner that has caught up; ended without ceremony after the block."""
        runner = self.runner(follower, timing)
        async with ending(runner.run()):
            async with asyncio.timeout(60):
                await runner.caught_up.wait()
            yield runner

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """A relay at work."""
        async with ending(Relay(self.store, self.kafka, NOTES, timing=QUICK_RELAY).run()):
            yield

    async def lines(self) -> list[tuple[int, str]]:
        """What the view shows, by position."""
        async with self.database.read() as connection:
            rows = await connection.execute(sa.select(LINES.c.position, LINES.c.text).order_by(LINES.c.position))
            return [(position, text) for position, text in rows]

    async def failed(self) -> list[tuple[int, int, str]]:
        """What is in failed_events: position, attempts, error."""
        table = positions.FAILED
        async with self.database.read() as connection:
            rows = await connection.execute(
                sa.select(table.c.position, table.c.attempts, table.c.error).order_by(table.c.position)
            )
            return [(position, attempts, error) for position, attempts, error in rows]

    async def shows_everything(self) -> bool:
        """Whether the view says exactly what the log says: every event once, in the order of its stream."""
        log = await self.log()
        if await self.lines() != [(r.position, StringValue.FromString(r.data).value) for r in log]:
            return False
        expected: dict[str, str] = {}
        for recorded in log:
            expected[recorded.stream] = expected.get(recorded.stream, "") + StringValue.FromString(recorded.data).value
        async with self.database.read() as connection:
            rows = await connection.execute(sa.select(TOTALS.c.stream, TOTALS.c.all_text))
            return {row.stream: row.all_text for row in rows} == expected


@asynccontextmanager
async def ending(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """Runs `work` beside the block and cancels it afterwards; raises what it raised."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """A stage with an empty event store, an empty Kafka and no tables."""
    with parts.kafka({TOPIC: PARTITIONS}) as broker:
        built = Stage(folder, broker)
        try:
            await built.kafka.create_topics([NOTES])
            yield built
        finally:
            await built.close()
