"""Feeds a projection or a reaction: from Kafka as events come, from the event store whatever Kafka did not bring.

Kafka's own offsets are only a hint. What was applied is what the database says, and what is missing shows in three
ways: at the start, by a record whose `previous` was never seen, and when it is quiet, by comparing with the head.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from aiokafka.errors import KafkaError

from services.common import contracts
from services.common.codec import Codec
from services.common.contracts import EventFile
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.ids import Position
from services.common.kafka import Arrival, Kafka, Undecodable
from services.common.projection import measures, positions
from services.common.projection.outcome import Applied, Applier, Missing, passes_by_itself
from services.common.projection.reactions import Reactions
from services.common.projection.subscription import follow
from services.common.projection.topics import Partition, Placed, Topics
from services.common.projection.types import Projection, Reaction
from services.common.projection.views import Views
from services.common.telemetry import logger

_ROUNDS_WITHOUT_QUIET = 30

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait between comparisons with the event store's head, and before trying again."""

    compare_s: float = 2.0
    first_retry_s: float = 0.1
    longest_retry_s: float = 5.0


class Runner:
    """Runs one projection or reaction on one database until it is cancelled."""

    def __init__(
        self,
        follower: Projection | Reaction,
        *,
        store: EventStore,
        codec: Codec,
        kafka: Kafka,
        database: Database,
        event_files: Iterable[EventFile] | None = None,
        timing: Timing = Timing(),
    ) -> None:
        """ValueError if no event file has one of the topics."""
        self.follower = follower
        self.caught_up = asyncio.Event()
        self._store = store
        self._kafka = kafka
        self._database = database
        self._timing = timing
        self._topics = Topics(follower.topics, contracts.event_files() if event_files is None else event_files)
        self._applier: Applier = (
            Views(follower, database, codec)
            if isinstance(follower, Projection)
            else Reactions(follower, database, codec)
        )
        self._turn = asyncio.Lock()
        self._seen: dict[Partition, Position] = {}
        self._swept = Position(0)
        self._failures = 0
        self._quiet = True

    async def run(self) -> None:
        """Makes the tables, catches up with the event store (then `caught_up` is set), and follows Kafka.

        Ends only by raising what waiting would not cure, such as a topic with a wrong number of partitions.
        """
        await self._until_done(self._start)
        self.caught_up.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._consume())
            tasks.create_task(self._compare())

    async def _start(self) -> None:
        follower, database = self.follower, self._database
        await database.create(positions.METADATA)
        if isinstance(follower, Projection):
            await database.create(follower.metadata)
        head = await self._store.head(self._topics.prefixes)
        start = Position(0) if isinstance(follower, Projection) else head

        def begin(transaction: sa.Connection) -> tuple[dict[Partition, Position], Position]:
            seen = positions.begin(transaction, follower.name, self._topics.partitions, start)
            return seen, positions.swept(transaction, follower.name)

        self._seen, self._swept = await database.write(begin)
        follower.progress.attach(self._topics, self._stored)
        await follower.progress.advance(self._seen)
        await self._sweep(head)

    async def _stored(self) -> dict[Partition, Position]:
        return await self._database.look(lambda connection: positions.stored(connection, self.follower.name))

    async def _consume(self) -> None:
        await self._until_done(lambda: self._kafka.create_topics(self._topics.files))
        await self._until_done(
            lambda: follow(self._kafka, self.follower.topics, group=self.follower.name, handle=self._handle)
        )

    async def _handle(self, arrivals: Sequence[Arrival | Undecodable]) -> None:
        self._quiet = False
        try:
            await self._take([placed for arrival in arrivals if (placed := self._place(arrival))])
        except Exception as error:  # the broker library swallows it after seeking back, so it is told here
            await self._pause(error)
            raise

    def _place(self, arrival: Arrival | Undecodable) -> Placed | None:
        match arrival:
            case Undecodable(topic=topic, partition=partition, reason=reason):
                # Whatever event it should have been is missing now, and will be read from the event store.
                measures.UNDECODABLE.labels(self.follower.name).inc()
                _log.warning("a kafka record is not an event", topic=topic, partition=partition, error=reason)
                return None
            case Arrival(topic=topic, partition=partition, previous=previous, recorded=recorded):
                return Placed(Partition(topic, partition), recorded, previous)

    async def _take(self, batch: Sequence[Placed], swept: Position | None = None) -> None:
        """Applies a batch, first what is missing before it, and again until nothing of it is pending."""
        failures = 0
        while True:
            async with self._turn:
                outcome = await self._applier.apply(batch, swept)
                if isinstance(outcome, Applied):
                    await self._tell(batch, outcome)
            match outcome:
                case Missing(positions=missing):
                    await self._fill(missing, max(placed.position for placed in batch))
                    # A record may name a predecessor that the event store has forgotten: it counts as seen.
                    batch = [replace(placed, previous=None) for placed in batch]
                case Applied(pending=()):
                    self._failures = 0
                    return
                case Applied(pending=pending):
                    measures.RETRIED.labels(self.follower.name).inc()
                    await asyncio.sleep(self._backoff_s(failures))
                    failures, batch = failures + 1, pending

    async def _fill(self, missing: Mapping[Partition, Position], up_to: Position) -> None:
        after = min(max(position, self._swept) for position in missing.values())
        async for chunk, _ in self._topics.chunks(self._store, after=after, up_to=up_to):
            lacking = [placed for placed in chunk if placed.partition in missing and self._is_new(placed)]
            await self._take_filled(lacking)

    async def _sweep(self, up_to: Position) -> None:
        """Goes through the event store up to a position and applies whatever is missing in any partition."""
        async for chunk, complete in self._topics.chunks(self._store, after=self._swept, up_to=up_to):
            await self._take_filled([placed for placed in chunk if self._is_new(placed)], complete)
            self._swept = max(self._swept, complete)

    async def _take_filled(self, batch: Sequence[Placed], swept: Position | None = None) -> None:
        measures.FILLED.labels(self.follower.name).inc(len(batch))
        await self._take(batch, swept)

    def _is_new(self, placed: Placed) -> bool:
        return placed.position > self._seen[placed.partition]

    async def _tell(self, batch: Sequence[Placed], outcome: Applied) -> None:
        """Tells listeners in this process; events that another process applied are news to them too."""
        follower, pending = self.follower, {placed.position for placed in outcome.pending}
        new = {placed.position: placed for placed in batch if self._is_new(placed) and placed.position not in pending}
        for placed in new.values():
            self._seen[placed.partition] = max(placed.position, self._seen[placed.partition])
        if isinstance(follower, Projection):
            follower.committed.publish(tuple(event for event in outcome.events if event.position in new))
        await follower.progress.advance(outcome.positions)
        if new:
            measures.APPLIED.labels(follower.name).inc(len(new))
            age_s = time.time() - batch[-1].recorded.recorded_at.timestamp()
            measures.DELAY_S.labels(follower.name).set(age_s)
        if outcome.set_aside:
            measures.SET_ASIDE.labels(follower.name).inc(outcome.set_aside)
            _log.error("events were set aside", projection=follower.name, count=outcome.set_aside)

    async def _compare(self) -> None:
        """A record that is lost leaves no gap when it is the last of its partition; so look, when it is quiet."""
        due, rounds = Position(0), 0
        while True:
            await asyncio.sleep(self._timing.compare_s)
            try:
                rounds += 1
                if due > self._swept and (self._quiet or rounds >= _ROUNDS_WITHOUT_QUIET):
                    await self._sweep(due)
                    rounds = 0
                self._quiet = True
                due = await self._store.head(self._topics.prefixes)
            except Exception as error:  # the store or the database is away: the next round finds it again
                await self._pause(error)

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await step()
            except Exception as error:
                if not (passes_by_itself(error) or isinstance(error, KafkaError)):
                    raise
                await self._pause(error)

    async def _pause(self, error: Exception) -> None:
        measures.RETRIED.labels(self.follower.name).inc()
        _log.warning("a projection waits", projection=self.follower.name, exc_info=error)
        await asyncio.sleep(self._backoff_s(self._failures))
        self._failures += 1

    def _backoff_s(self, failures: int) -> float:
        longest_s = min(self._timing.first_retry_s * 2.0 ** min(failures, 16), self._timing.longest_retry_s)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  # spreads retries, hides nothing
