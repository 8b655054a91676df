"""A FastStream batch subscriber: its settings, and a parser that no record can stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.common.kafka import Arrival, Kafka, Undecodable, decode_record, uninterrupted

BATCH_RECORDS = 500
# FastStream sleeps this long after each empty poll, so it bounds the delay of a record that comes just then.
_BATCH_TIMEOUT_MS = 10

Handle = Callable[[Sequence[Arrival | Undecodable]], Awaitable[None]]


class _Parser:
    """In place of FastStream's own, which raises on a header that is not UTF-8, and so loses the whole batch."""

    subscriber: BatchSubscriber | None = None

    async def parse(self, records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
        """The batch as one message, every record decoded as far as it can be."""
        consumer = self.subscriber.consumer if self.subscriber else None
        return KafkaAckableMessage(
            raw_message=records, body=list(map(_decode, records)), consumer=consumer or FAKE_CONSUMER
        )


def _decode(record: ConsumerRecord) -> Arrival | Undecodable:
    return decode_record(record.topic, record.partition, record.offset, record.headers, record.value or b"")


async def _body(message: KafkaMessage) -> object:
    return message.body


async def follow(kafka: Kafka, topics: Sequence[str], *, group: str, wait_ms: int, handle: Handle) -> None:
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
        fetch_max_wait_ms=wait_ms,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=kafka.session_timeout_ms // 3,
        parser=parser.parse,
        decoder=_body,
    )
    parser.subscriber = subscriber

    @subscriber
    async def handler(arrivals: list[Arrival | Undecodable]) -> None:
        await handle(arrivals)

    try:
        await uninterrupted(broker.start())
        await asyncio.Event().wait()
    finally:
        await uninterrupted(broker.stop())
