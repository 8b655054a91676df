"""The relay: from the event store to a service's topic, in order, at least once.

One catch-up subscription feeds one idempotent producer. The checkpoint is an event in the stream `relay-<service>`: how
far Kafka has acknowledged, and the last position given to each partition, so that `ce_previous` comes from the log and
is the same when a batch is sent again. It is appended at the revision read, which fences a second relay.
"""

import asyncio
import random
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from prometheus_client import Counter, Gauge
from regard.common.v1.common_pb2 import RelayCheckpoint

from services.common.clock import Clock, system_clock
from services.common.contracts import EventFile
from services.common.eventstore import EventStore, ExpectedState, NewEvent, Recorded, WrongRevision
from services.common.ids import Position
from services.common.kafka import Kafka, encode_headers, partition_of, uninterrupted
from services.common.telemetry import logger

PUBLISHED = Counter("regard_relay_published", "Events acknowledged by Kafka", ["service"])
RESTARTS = Counter("regard_relay_restarts", "Attempts that failed", ["service"])
BATCH = Gauge("regard_relay_batch_events", "Events in the last batch", ["service"])
DELAY_S = Gauge("regard_relay_delay_seconds", "Age of the last event when Kafka acknowledged it", ["service"])
LAG = Gauge("regard_relay_lag_positions", "The event store's head less the checkpoint", ["service"])

_BATCH_EVENTS = 500
_GATHER_S = 0.03
"""How long a batch waits for more, if the one before it was shared: what follows it costs more than that."""
_QUEUE_EVENTS = 2000

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often to keep a checkpoint, and how long to wait before trying again or taking over."""

    checkpoint_s: float = 0.25
    first_retry_s: float = 0.5
    longest_retry_s: float = 10.0
    standby_s: float = 5.0


@dataclass(slots=True)
class _Course:
    """Where one attempt stands: what Kafka has acknowledged, and what of that is in the checkpoint."""

    revision: int
    position: Position
    previous: dict[int, int]
    kept: Position
    moved: asyncio.Event = field(default_factory=asyncio.Event)


class Relay:
    """Carries one event file's events until it is cancelled."""

    def __init__(
        self,
        store: EventStore,
        kafka: Kafka,
        event_file: EventFile,
        *,
        clock: Clock = system_clock,
        timing: Timing = Timing(),
    ) -> None:
        """`event_file`: its topic is made if it is missing."""
        self._store = store
        self._kafka = kafka
        self._file = event_file
        self._clock = clock
        self._timing = timing
        self._stream = f"relay-{event_file.service}"

    async def run(self) -> None:
        """Tries again for ever, with pauses; stands by while another relay holds the checkpoint."""
        failures = 0
        while True:
            started = self._clock()
            failure = await _outcome(self._attempt())
            if isinstance(failure, ExceptionGroup) and failure.subgroup(WrongRevision):
                _log.warning("another relay is at work, this one stands by", service=self._file.service)
                await self._stand_by()
            else:
                RESTARTS.labels(self._file.service).inc()
                _log.warning("the relay starts again", service=self._file.service, exc_info=failure)
                worked = (self._clock() - started).total_seconds() > self._timing.longest_retry_s
                failures = 0 if worked else failures + 1
                await asyncio.sleep(self._backoff_s(failures))

    def _backoff_s(self, failures: int) -> float:
        longest_s = min(self._timing.first_retry_s * 2.0 ** min(failures, 16), self._timing.longest_retry_s)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  # spreads retries, hides nothing

    async def _attempt(self) -> None:
        course = await self._load()
        await self._kafka.create_topics([self._file])
        # A new producer each time: after an outage an idempotent one may raise OutOfOrderSequenceNumber for ever.
        producer = self._kafka.producer()
        try:
            await uninterrupted(producer.start())
            queue: asyncio.Queue[Recorded] = asyncio.Queue(_QUEUE_EVENTS)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(course.position, queue))
                tasks.create_task(self._publish(producer, queue, course))
                tasks.create_task(self._keep(course))
        finally:
            await uninterrupted(producer.stop())

    async def _load(self) -> _Course:
        history = await self._store.load(self._stream)
        if not history.events:
            await self._store.set_retention(self._stream, max_count=1)
            return _Course(history.revision, Position(0), {}, Position(0))
        checkpoint = RelayCheckpoint.FromString(history.events[-1].data)
        position = Position(checkpoint.position)
        return _Course(history.revision, position, dict(checkpoint.previous), position)

    async def _read(self, after: Position, queue: asyncio.Queue[Recorded]) -> None:
        # A task of its own: a timeout around a subscription's next event would silently end the subscription.
        async with aclosing(self._store.subscribe(after=after, prefixes=self._file.prefixes)) as subscription:
            async for recorded in subscription:
                await queue.put(recorded)

    async def _publish(self, producer: AIOKafkaProducer, queue: asyncio.Queue[Recorded], course: _Course) -> None:
        batch: list[Recorded] = []
        while True:
            shared = len(batch) > 1
            batch = [await queue.get()]
            if shared:
                await asyncio.sleep(_GATHER_S)
            while len(batch) < _BATCH_EVENTS and not queue.empty():
                batch.append(queue.get_nowait())
            previous = await self._send(producer, batch, course.previous)
            # Both at once: a checkpoint between them would name records that Kafka may never have got.
            course.position, course.previous = batch[-1].position, previous
            course.moved.set()
            PUBLISHED.labels(self._file.service).inc(len(batch))
            BATCH.labels(self._file.service).set(len(batch))
            delay = self._clock() - batch[-1].recorded_at
            DELAY_S.labels(self._file.service).set(delay.total_seconds())

    async def _send(
        self, producer: AIOKafkaProducer, batch: Sequence[Recorded], before: Mapping[int, int]
    ) -> dict[int, int]:
        previous = dict(before)
        acknowledged = []
        for recorded in batch:
            partition = partition_of(recorded.stream, self._file.partitions)
            headers = encode_headers(recorded, previous.get(partition, 0), self._file.service)
            acknowledged.append(
                await producer.send(
                    self._file.topic,
                    recorded.data,
                    key=recorded.stream.encode(),
                    partition=partition,
                    headers=headers,
                    timestamp_ms=int(recorded.recorded_at.timestamp() * 1000),
                )
            )
            previous[partition] = recorded.position
        records = await asyncio.gather(*acknowledged)
        if self._kafka.bell:
            self._kafka.bell.ring(self._file.topic, {record.partition: record.offset + 1 for record in records})
        return previous

    async def _keep(self, course: _Course) -> None:
        """Appends checkpoints: not one a batch, which would double the event store's writes."""
        while True:
            await course.moved.wait()
            course.moved.clear()
            checkpoint = RelayCheckpoint(position=course.position, previous=course.previous)
            # An id of its own: with an equal one, a node would take a second relay's checkpoint for a repetition.
            event = NewEvent(RelayCheckpoint.DESCRIPTOR.full_name, checkpoint.SerializeToString(), {}, uuid.uuid4())
            expected = ExpectedState.NO_STREAM if course.revision < 0 else course.revision
            await self._store.append(self._stream, [event], expected)
            course.revision += 1
            course.kept = Position(checkpoint.position)
            LAG.labels(self._file.service).set(await self._store.head(self._file.prefixes) - course.kept)
            await asyncio.sleep(self._timing.checkpoint_s)

    async def _stand_by(self) -> None:
        """Returns when events wait and the checkpoint stands still, so the other relay must be gone."""
        seen = -1
        while True:
            try:
                course = await self._load()
                waiting = await self._store.head(self._file.prefixes) > course.position
            except Exception as error:  # the event store is away: the other relay cannot do anything either
                _log.warning("the relay's checkpoint cannot be read", service=self._file.service, exc_info=error)
            else:
                if waiting and course.revision == seen:
                    return
                seen = course.revision
            await asyncio.sleep(self._timing.standby_s)


async def _outcome(attempt: Coroutine[None, None, None]) -> BaseException | None:
    """How the attempt ended, once it has.

    In a task of its own: before Python 3.13 a TaskGroup that is cancelled while it fails forgets the cancellation.
    """
    task = asyncio.ensure_future(attempt)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task.exception()
