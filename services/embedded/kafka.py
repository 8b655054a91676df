"""Kafka in this process, for a laptop and for tests: the mock cluster inside librdkafka, reached over loopback.

It keeps nothing on disk and starts empty each time, which projections bear: the event store fills what is missing.
Its ways that a genuine broker does not have, and what is done about each:

* It knows no CreateTopics request, and gives a topic that a client merely names 4 partitions. So topics are made here,
  with the partitions of the contract, through the library's public C functions (rdkafka_mock.h); the configuration
  `test.mock.num.brokers` of confluent-kafka would leave no handle to call them with.
* A fetch that finds nothing is answered after `fetch_max_wait_ms` even if a record comes meanwhile: a floor under the
  latency. To ask often instead costs an idle processor 4 % of a core a consumer. So a bell is rung by whoever publishes
  in this process, consumers fetch when they hear it, and the wait is kept short (`WAIT_MS`).
* The first member of a group waits 3 s for others unless told not to; a group that its last member has left, or that
  another joins, waits for the session timeout less a second. Hence `session_timeout_ms`.
* A partition keeps the last 5 MB or 100,000 batches, whatever its retention.
* Idempotent producers work; fencing by transactional id does not, and nothing here relies on it.
"""

import ctypes
from collections.abc import Mapping

from confluent_kafka import cimpl

from services.common.errors import Kind, refusal
from services.common.kafka import Bell, Kafka

NO_EMBEDDED_KAFKA = refusal(
    "PRJ-04",
    Kind.FAILED_PRECONDITION,
    en="Kafka cannot run inside this process on this machine.",
    fr="Kafka ne peut pas fonctionner dans ce processus sur cette machine.",
    remedy_en="Set REGARD_KAFKA_BOOTSTRAP to a Kafka broker.",
    remedy_fr="Indiquez un courtier Kafka dans REGARD_KAFKA_BOOTSTRAP.",
)

WAIT_MS = 10
SESSION_TIMEOUT_MS = 10_000

_PRODUCER = 0
_ERROR_BYTES = 512
_Handle = ctypes.c_void_p


def _library() -> ctypes.CDLL:
    # Symbols of librdkafka are found through the extension module that is linked with it, on every platform.
    library = ctypes.CDLL(cimpl.__file__)
    signatures: Mapping[str, tuple[object, list[object]]] = {
        "rd_kafka_conf_new": (_Handle, []),
        "rd_kafka_conf_set": (ctypes.c_int, [_Handle, ctypes.c_char_p, ctypes.c_char_p, _Handle, ctypes.c_size_t]),
        "rd_kafka_new": (_Handle, [ctypes.c_int, _Handle, ctypes.c_char_p, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [_Handle]),
        "rd_kafka_mock_cluster_new": (_Handle, [_Handle, ctypes.c_int]),
        "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [_Handle]),
        "rd_kafka_mock_cluster_destroy": (None, [_Handle]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [_Handle, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_Handle, ctypes.c_int32]),
        "rd_kafka_mock_partition_delete_records": (
            ctypes.c_int,
            [_Handle, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name, None)
        if function is None:
            raise NO_EMBEDDED_KAFKA()
        function.restype, function.argtypes = result, arguments
    return library


def reached(bootstrap: str, bell: Bell, *, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> Kafka:
    """How to reach an embedded Kafka, also that of another process; `bell` is rung for what is published there."""
    return Kafka(bootstrap, WAIT_MS, session_timeout_ms, topics_exist=True, bell=bell)


class EmbeddedKafka:
    """One broker that listens on a free port of loopback from construction until `close`."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        """Makes the topics, by name with their partitions. Raises Refused (PRJ-04)."""
        self._library = _library()
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        configuration = self._library.rd_kafka_conf_new()
        # The client around the mock cluster never connects anywhere: it would warn about that on stderr.
        self._library.rd_kafka_conf_set(configuration, b"log_level", b"3", None, 0)
        self._client = self._library.rd_kafka_new(_PRODUCER, configuration, error, _ERROR_BYTES)
        self._cluster = self._client and self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise NO_EMBEDDED_KAFKA()
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._bell = Bell()
        for topic, partitions in topics.items():
            if self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1):
                raise NO_EMBEDDED_KAFKA()

    def connection(self, *, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> Kafka:
        """How to reach it from this process."""
        bootstrap = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        return reached(bootstrap, self._bell, session_timeout_ms=session_timeout_ms)

    def expire(self, topic: str, partition: int, before: int) -> None:
        """Forgets the records of a partition below the offset `before`, as retention does."""
        if self._library.rd_kafka_mock_partition_delete_records(self._cluster, topic.encode(), partition, before):
            raise ValueError(f"{topic}/{partition} has no offset {before}")

    def close(self) -> None:
        """Ends the broker and forgets every record; clients must be closed before."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)
