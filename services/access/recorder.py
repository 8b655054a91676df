"""Access records, durable before anything is served: accesses that wait at the same moment share one append."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import prometheus_client
from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import Access, AccessesRecorded, LiveAccessClosed

from services.access.counting import Counting
from services.access.refusals import CANNOT_RECORD
from services.common import contracts, rpc
from services.common.codec import Codec
from services.common.decider import CommandContext, append_unconditionally
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import Position, stream_name
from services.common.telemetry import logger

GATHER_S = 0.002
LIMIT_S = 2.0
YEAR = timedelta(days=365)
MARGIN = timedelta(days=1)
"""How much longer than the ledger the event store keeps access streams, so that only the ledger's rows decide."""
LATER = timedelta(days=90)
"""How much longer still those of which members may be told so much later, since they are kept for as long from then."""

_TOPIC = contracts.event_file_of("audit").topic
_MOST_PER_EVENT = 500
_FIRST_PAUSE_S = 0.02

Result = TypeVar("Result")

_log = logger(__name__)
_RECORDED = prometheus_client.Counter("regard_guard_accesses_recorded", "Accesses that the guard made durable.")
_FAILED = prometheus_client.Counter("regard_guard_accesses_unrecorded", "Accesses refused since no record was made.")
_SECONDS = prometheus_client.Histogram(
    "regard_guard_record_seconds",
    "Time until an access record is durable.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


@dataclass(slots=True, eq=False)
class _Batch:
    group_id: str
    accesses: list[Access] = field(default_factory=list)
    written: asyncio.Task[Position] | None = None


def _stream(group_id: str) -> str:
    return stream_name("access", group_id)


class Recorder:
    """Appends accesses to `access-<group id>`, or to that of a break-glass of which members are told later.

    `recorded`: how many of this process are durable.
    """

    def __init__(self, store: EventStore, codec: Codec, retention: timedelta, now: Callable[[], datetime]) -> None:
        self._store = store
        self._codec = codec
        self._max_age = retention + MARGIN
        self.counting = Counting(store, codec, now, int(self._max_age.total_seconds()))
        self._open: dict[str, _Batch] = {}
        self._appending: Counter[str] = Counter()
        self._kept: set[str] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self.recorded = 0

    async def record(self, group_id: str, access: Access) -> None:
        """Returns once the access is durable; raises Refused (ACC-09), within LIMIT_S, if that is not certain.

        A caller that goes away does not take its record, or others', with it.
        """
        began_s = time.monotonic()
        batch = self._open.get(group_id)
        if batch is None or len(batch.accesses) >= _MOST_PER_EVENT:
            batch = self._open[group_id] = _Batch(group_id)
        batch.accesses.append(access)
        if batch.written is None:
            batch.written = self._start(self._write(batch))
        position = await asyncio.shield(batch.written)
        # Whoever looks into the ledger next sees their own looking there.
        rpc.answer_token(_TOPIC, _stream(group_id), position)
        _SECONDS.observe(time.monotonic() - began_s)

    async def close_live(self, closed: LiveAccessClosed) -> None:
        """Records that a live access ended. Left out when the store does not answer: it then reads as still open."""
        await asyncio.shield(self._start(self._close(closed)))

    async def settle(self) -> None:
        """Waits until nothing is being written any more."""
        while self._background:
            await asyncio.wait(tuple(self._background))

    async def _write(self, batch: _Batch) -> Position:
        # Alone, a record goes out with what arrived in the same turn of the loop; beside others, it gathers a little.
        await asyncio.sleep(GATHER_S if self._appending[batch.group_id] else 0)
        if self._open.get(batch.group_id) is batch:
            del self._open[batch.group_id]
        self._appending[batch.group_id] += 1
        try:
            record = AccessesRecorded(group_id=batch.group_id, accesses=batch.accesses)
            later = any(access.group_id for access in batch.accesses)
            position = await self._append(batch.group_id, record, self._max_age + LATER * later)
        except Refused:
            _FAILED.inc(len(batch.accesses))
            self.counting.unsure(batch.group_id, batch.accesses)
            raise
        finally:
            self._appending[batch.group_id] -= 1
            if not self._appending[batch.group_id]:
                del self._appending[batch.group_id]
        self.recorded += len(batch.accesses)
        _RECORDED.inc(len(batch.accesses))
        self.counting.durable(batch.group_id, batch.accesses)
        return position

    async def _close(self, closed: LiveAccessClosed) -> None:
        try:
            await self._append(closed.group_id, closed, self._max_age)
        except Refused as refused:
            _log.warning("a live access could not be closed", error_id=refused.refusal.id)

    async def _append(self, group_id: str, message: Message, max_age: timedelta) -> Position:
        # One command id for all attempts, so that repeating after a lost answer finds the same event.
        stream, context = _stream(group_id), CommandContext(uuid.uuid4(), "service:guard", str(uuid.uuid4()))
        try:
            async with asyncio.timeout(LIMIT_S):
                position = await self._insist(stream, (message,), context)
        except (TimeoutError, Refused) as error:
            raise CANNOT_RECORD() from error
        if stream not in self._kept:
            self._kept.add(stream)
            self._start(self._keep(stream, max_age))
        return position

    async def _insist(self, stream: str, messages: Sequence[Message], context: CommandContext) -> Position:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await append_unconditionally(self._store, self._codec, stream, messages, context)
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2

    async def _keep(self, stream: str, max_age: timedelta) -> None:
        try:
            await self._store.set_retention(stream, max_age_s=int(max_age.total_seconds()))
        except Refused:
            self._kept.discard(stream)  # the next record of the stream tries again

    def _start(self, work: Coroutine[None, None, Result]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Result]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, Refused):
            _log.error("an access could not be recorded", exception=type(error).__name__)
