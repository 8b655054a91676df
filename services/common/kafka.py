"""Kafka: how its clients are configured, and what a record carries.

A record is a CloudEvent in binary mode (CloudEvents Kafka binding 1.0.2): key = stream, value = the event's bytes,
attributes in headers. `ce_previous` is ours: the position of the record before it in its partition, by which a reader
notices what never arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import uuid
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code
from aiokafka.partitioner import murmur2
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLScram512

from services.common.contracts import EventFile
from services.common.errors import Kind, refusal
from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName
from services.common.settings import Settings, bad_value

Headers = Sequence[tuple[str, bytes]]
Hear = Callable[[str, Mapping[int, int]], None]
"""Takes a topic, and before which offsets its partitions end."""

POSITION_DIGITS = 20
_REQUEST_TIMEOUT_MS = 10_000
_REPLICAS = 3
_TOPIC_PAUSE_S = 0.05

# The event's metadata that has a name of its own among the attributes; anything else travels under our prefix.
_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "command_id": "ce_commandid",
        "correlation_id": "ce_correlationid",
        "causation_id": "ce_causationid",
        "actor": "ce_actor",
        "traceparent": "ce_traceparent",
        "tracestate": "ce_tracestate",
        "schema": "ce_schema",
    }
)
_METADATA_KEYS = MappingProxyType({attribute: key for key, attribute in _ATTRIBUTES.items()})
_OTHER = "regard_"

WRONG_PARTITIONS = refusal(
    "PRJ-03",
    Kind.FAILED_PRECONDITION,
    en="The Kafka topic {topic} has {actual} partitions where {expected} are needed.",
    fr="Le sujet Kafka {topic} a {actual} partitions là où il en faut {expected}.",
    remedy_en="Delete the topic and start again: the event store fills it anew.",
    remedy_fr="Supprimez le sujet et redémarrez : le journal des événements le remplira.",
)


class Bell:
    """Tells consumers in this process what was published, for a broker that leaves them waiting although there is."""

    def __init__(self) -> None:
        self._ends: dict[TopicPartition, int] = {}
        self._told: list[Hear] = []

    def ring(self, topic: str, ends: Mapping[int, int]) -> None:
        """These partitions of the topic now end before these offsets."""
        for partition, end in ends.items():
            self._ends[TopicPartition(topic, partition)] = end
        for hear in self._told:
            hear(topic, ends)

    @contextlib.contextmanager
    def told(self, hear: Hear) -> Iterator[None]:
        """Calls this at each ring until the block ends; first for what the topics hold already."""
        for part, end in self._ends.items():
            hear(part.topic, {part.partition: end})
        self._told.append(hear)
        try:
            yield
        finally:
            self._told.remove(hear)

    @contextlib.contextmanager
    def heard(self, topics: Collection[str]) -> Iterator[Ear]:
        """Listens for these topics until the block ends; first for what they hold already."""
        ear = Ear(topics)
        with self.told(ear.hear):
            yield ear


class Ear:
    """Where one consumer has something to fetch, as far as it heard."""

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics
        self._ends: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._rung = asyncio.Event()
        self.waiting: set[TopicPartition] = set()
        """Partitions that end after what was taken from them."""

    def hear(self, topic: str, ends: Mapping[int, int]) -> None:
        """The bell rings."""
        if topic in self._topics:
            for partition, end in ends.items():
                part = TopicPartition(topic, partition)
                self._ends[part] = end
                self.take(part, self._reached.get(part, 0))
            self._rung.set()

    def take(self, partition: TopicPartition, offset: int) -> None:
        """The consumer goes on from this offset."""
        self._reached[partition] = offset
        if self._ends.get(partition, 0) > offset:
            self.waiting.add(partition)
        else:
            self.waiting.discard(partition)

    def took_all(self, partitions: Iterable[TopicPartition]) -> None:
        """There is nothing more in these, whatever the bell said."""
        for partition in partitions:
            self.take(partition, max(self._reached.get(partition, 0), self._ends.get(partition, 0)))

    async def rung(self, limit_s: float) -> None:
        """Waits until the bell rings, or the limit is over."""
        self._rung.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._rung.wait()


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where a Kafka cluster is, and how long its clients wait for it. `bell`: what consumers wait for instead."""

    bootstrap: str
    wait_ms: int = 500
    session_timeout_ms: int = 10_000
    topics_exist: bool = False
    bell: Bell | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: Settings) -> Kafka:
        """The cluster that the settings name. Raises BadSettings, OSError if a file that they name cannot be used."""
        password = settings.kafka_password_file.read_text().strip() if settings.kafka_password_file else ""
        return cls(settings.kafka_bootstrap, user=settings.kafka_user, password=password, tls=_tls(settings))

    @property
    def _security(self) -> BaseSecurity:
        if self.user:
            return SASLScram512(self.user, self.password, ssl_context=self.tls, use_ssl=self.tls is not None)
        return BaseSecurity(ssl_context=self.tls, use_ssl=self.tls is not None)

    def producer(self) -> AIOKafkaProducer:
        """An idempotent producer, to be started; it waits for all replicas."""
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=256 * 1024,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            **parse_security(self._security),
        )

    def broker(self) -> KafkaBroker:
        """What subscribers are declared on; it consumes only and creates nothing."""
        # Its warnings only say that topics must exist, which create_topics sees to.
        library = logging.getLogger(f"{__name__}.faststream")
        library.setLevel(logging.ERROR)
        return KafkaBroker(
            self.bootstrap.split(","),  # which it does not do, unlike aiokafka
            consumer_only=True,
            apply_types=False,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            security=self._security,
            logger=library,
            log_level=logging.DEBUG,
        )

    async def create_topics(self, event_files: Sequence[EventFile]) -> None:
        """Makes the topics that are missing; Refused (PRJ-03) if one has another number of partitions."""
        await uninterrupted(self._create_topics(event_files))

    async def _create_topics(self, event_files: Sequence[EventFile]) -> None:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.bootstrap,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            **parse_security(self._security),
        )
        await admin.start()
        try:
            if not self.topics_exist:
                await _create_missing(admin, event_files)
            actual = await _partitions(admin, [file.topic for file in event_files])
        finally:
            await admin.close()
        for file in event_files:
            if actual[file.topic] != file.partitions:
                raise WRONG_PARTITIONS(topic=file.topic, actual=str(actual[file.topic]), expected=str(file.partitions))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_tls:
        return None
    authority = settings.kafka_ca_file.read_text() if settings.kafka_ca_file else None
    try:
        return ssl.create_default_context(cadata=authority)
    except ssl.SSLError:
        raise bad_value("kafka_ca_file") from None


async def _create_missing(admin: AIOKafkaAdminClient, event_files: Sequence[EventFile]) -> None:
    existing = set(await admin.list_topics())
    missing = [file for file in event_files if file.topic not in existing]
    if missing:
        # aiokafka can't ask for the cluster's own default.
        replicas = min(_REPLICAS, len((await admin.describe_cluster())["brokers"]))
        answer = await admin.create_topics([NewTopic(file.topic, file.partitions, replicas) for file in missing])
        for _topic, code, *_ in answer.topic_errors:
            error = for_code(code)
            if error not in (NoError, TopicAlreadyExistsError):
                raise error


async def _partitions(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, int]:
    """How many partitions each has; waits for brokers to hear of topics that were just made."""
    while True:
        described = await admin.describe_topics(topics)
        found = {topic["topic"]: len(topic["partitions"]) for topic in described if topic["partitions"]}
        if len(found) == len(set(topics)):
            return found
        await asyncio.sleep(_TOPIC_PAUSE_S)


async def uninterrupted(step: Coroutine[None, None, None]) -> None:
    """Awaits a start or stop of aiokafka's; a cancellation takes effect when it is done.

    Inside, aiokafka loses cancellations (its close suppresses one while it waits for a task that it cancelled itself),
    or leaves connections open.
    """
    doing = asyncio.ensure_future(step)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing], timeout=_REQUEST_TIMEOUT_MS / 1000)
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        raise


@lru_cache(maxsize=65_536)
def partition_of(stream: str, partitions: int) -> int:
    """The partition of a stream's records, as Kafka's own clients choose it for the key."""
    return int((murmur2(stream.encode()) & 0x7FFFFFFF) % partitions)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record as it came: the event, its place, and the position of the record before it there (0: none)."""

    topic: str
    partition: int
    previous: Position
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is not one of ours, or is broken."""

    topic: str
    partition: int
    offset: int
    reason: str


def encode_headers(recorded: Recorded, previous: int, service: str) -> Headers:
    """The attributes of an event; `previous` is the position before it in its partition, 0 for the first."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(recorded.id),
        "ce_source": f"/regard/{service}",
        "ce_type": recorded.type,
        "ce_subject": recorded.stream,
        "ce_time": recorded.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_dataschema": f"type.googleapis.com/{recorded.type}",
        "content-type": "application/protobuf",
        "ce_sequence": f"{recorded.position:0{POSITION_DIGITS}}",
        "ce_previous": f"{previous:0{POSITION_DIGITS}}",
        "ce_streamrevision": str(recorded.revision),
    }
    for key, value in recorded.metadata.items():
        headers[_ATTRIBUTES.get(key, _OTHER + key)] = value
    for hop in ("traceparent", "tracestate"):
        if hop in recorded.metadata:
            headers[hop] = recorded.metadata[hop]
    return [(name, value.encode()) for name, value in headers.items()]


def decode_record(topic: str, partition: int, offset: int, headers: Headers, value: bytes) -> Arrival | Undecodable:
    """The event that a record carries; never raises."""
    try:
        found = {name: content.decode() for name, content in headers}
        recorded = Recorded(
            stream=StreamName(found["ce_subject"]),
            revision=int(found["ce_streamrevision"]),
            position=Position(int(found["ce_sequence"])),
            id=uuid.UUID(found["ce_id"]),
            type=found["ce_type"],
            data=value,
            metadata=MappingProxyType(_metadata(found)),
            recorded_at=datetime.fromisoformat(found["ce_time"]),
        )
        return Arrival(topic, partition, Position(int(found["ce_previous"])), recorded)
    except Exception as error:  # whatever is wrong with it, one record must not stop the others
        return Undecodable(topic, partition, offset, type(error).__name__)


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    own = {key: headers[attribute] for attribute, key in _METADATA_KEYS.items() if attribute in headers}
    other = {name.removeprefix(_OTHER): value for name, value in headers.items() if name.startswith(_OTHER)}
    return own | other
