"""A FastStream batch subscriber: its settings, and a parser that no record can stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.common.kafka import Arrival, Ear, Kafka, Undecodable, decode_record, uninterrupted

BATCH_RECORDS = 500
# FastStream sleeps this long after each empty poll, so it bounds the delay of a record that comes just then.
_BATCH_TIMEOUT_MS = 10
_COMMIT_S = 1.0
"""How often to commit offsets, which are a hint to whoever starts, and a round trip."""
_FETCH_MS = 200
"""How long to wait for what the bell said that there is."""
_LOOK_S = 1.0
"""How often to look although the bell said nothing, as for what another process published."""
_JOINING_S = 0.02

Records = Mapping[TopicPartition, Sequence[ConsumerRecord]]
Handle = Callable[[Sequence[Arrival | Undecodable]], Awaitable[None]]


class _Parser:
    """In place of FastStream's own, which raises on a header that is not UTF-8, and so loses the whole batch."""

    subscriber: BatchSubscriber | None = None

    def __init__(self) -> None:
        self._committed_s = 0.0

    async def parse(self, records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
        """The batch as one message, every record decoded as far as it can be."""
        consumer = self.subscriber.consumer if self.subscriber else None
        message = KafkaAckableMessage(
            raw_message=records, body=list(map(_decode, records)), consumer=consumer or FAKE_CONSUMER
        )
        now_s = asyncio.get_running_loop().time()
        if now_s - self._committed_s < _COMMIT_S:
            message.ack = _nothing  # type: ignore[method-assign]
        else:
            self._committed_s = now_s
        return message


def _decode(record: ConsumerRecord) -> Arrival | Undecodable:
    return decode_record(record.topic, record.partition, record.offset, record.headers, record.value or b"")


async def _nothing() -> None:
    pass


async def _body(message: KafkaMessage) -> object:
    return message.body


async def follow(kafka: Kafka, topics: Sequence[str], *, group: str, handle: Handle) -> None:
    """Gives `handle` batch after batch until cancelled; a batch for which it raises comes again at once.

    Raises KafkaError if the cluster cannot be reached at the start; later it waits for it.
    """
    broker, parser = kafka.broker(), _Parser()
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        max_records=BATCH_RECORDS,
        batch_timeout_ms=_BATCH_TIMEOUT_MS,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        fetch_max_wait_ms=kafka.wait_ms,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=kafka.session_timeout_ms // 3,
        parser=parser.parse,
        decoder=_body,
    )
    parser.subscriber = subscriber

    @subscriber
    async def handler(arrivals: list[Arrival | Undecodable]) -> None:
        await handle(arrivals)

    with contextlib.ExitStack() as listening:
        try:
            await uninterrupted(broker.start())
            if kafka.bell and (consumer := subscriber.consumer):
                _call(consumer, listening.enter_context(kafka.bell.heard(topics)))
            await asyncio.Event().wait()
        finally:
            await uninterrupted(broker.stop())


def _call(consumer: AIOKafkaConsumer, ear: Ear) -> None:
    """Lets the consumer fetch only where there is something: it pauses until the bell rings, and never gives nothing.

    So no request waits at the broker while a record comes, and FastStream finds no reason to sleep.
    """
    fetch, seek = consumer.getmany, consumer.seek
    open_: set[TopicPartition] = set()  # those that are not paused
    known: set[TopicPartition] = set()
    silent: set[TopicPartition] = set()  # where something came without the bell, so that there may be more

    def only(partitions: Collection[TopicPartition]) -> None:
        nonlocal open_, known
        assigned: set[TopicPartition] = set(consumer.assignment())
        if assigned != known:
            known, open_ = assigned, assigned
        wanted = assigned & set(partitions)
        consumer.pause(*(open_ - wanted))
        consumer.resume(*(wanted - open_))
        open_ = wanted

    async def called() -> set[TopicPartition]:
        clock = asyncio.get_running_loop().time
        look_s = clock() + _LOOK_S
        while True:
            assigned: set[TopicPartition] = set(consumer.assignment())
            if found := (ear.waiting | silent) & assigned:
                return found
            if clock() >= look_s:
                return assigned
            only(())
            await ear.rung(look_s - clock() if assigned else _JOINING_S)

    async def getmany(*, timeout_ms: int, max_records: int | None) -> Records:
        while True:
            parts = await called()
            only(parts)
            records: Records = await fetch(timeout_ms=_FETCH_MS if ear.waiting else timeout_ms, max_records=max_records)
            if records:
                for part, some in records.items():
                    ear.take(part, some[-1].offset + 1)
                silent.update(records.keys() - ear.waiting if parts == known else ())
                only(ear.waiting | silent)
                return records
            ear.took_all(parts)  # it was taken before, or by another
            silent.clear()

    def seek_and_remember(partition: TopicPartition, offset: int) -> None:
        seek(partition, offset)
        ear.take(partition, offset)

    consumer.getmany, consumer.seek = getmany, seek_and_remember
