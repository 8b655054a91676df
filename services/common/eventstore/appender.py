"""Appends through one long-lived BatchAppend call, answers matched by correlation id.

A call for each append costs a stream of its own in the node: with 32 writers this one call carries three times as many
appends at a third of the latency. When the call breaks, every append that is not answered is sent again, unchanged and
in order, on the next call: the node recognises what it had already.
"""

import asyncio
import contextlib
import logging
import random
import uuid
from dataclasses import dataclass, field

import grpc.aio
from kurrentdbclient.protos.v1.streams_pb2 import BatchAppendReq, BatchAppendResp

from services.common.eventstore import wire
from services.common.eventstore.connection import CALL_METADATA, Connection, Use
from services.common.eventstore.types import AppendOutcomeUnknown, Expected, NewEvent, StoreUnavailable
from services.common.ids import Position

_Call = grpc.aio.StreamStreamCall[BatchAppendReq, BatchAppendResp]

_PAUSE_S = 0.1

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Pending:
    request: BatchAppendReq
    answer: asyncio.Future[BatchAppendResp] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    was_sent: bool = False


class Appender:
    """Belongs to one event loop; any number of tasks may append at once.

    Invariant: whatever is in `_pending` and not answered is also in the outbox of the call, or was written to it.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._pending: dict[str, _Pending] = {}
        self._outbox: asyncio.Queue[_Pending] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None
        self._is_closed = False

    async def append(
        self, stream: str, events: tuple[NewEvent, ...], expected: Expected, content_type: str = wire.BINARY
    ) -> Position:
        """Where the last event is; answered within the timeout. Raises as EventStore.append."""
        if self._is_closed:
            raise StoreUnavailable
        correlation_id = str(uuid.uuid4())
        pending = _Pending(
            wire.append(
                stream,
                events,
                expected,
                correlation_id=correlation_id,
                timeout_s=self._timeout_s,
                content_type=content_type,
            )
        )
        self._pending[correlation_id] = pending
        self._outbox.put_nowait(pending)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="event store appends")
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await pending.answer
        except TimeoutError:
            raise (AppendOutcomeUnknown() if pending.was_sent else StoreUnavailable()) from None
        finally:
            del self._pending[correlation_id]
        return wire.appended(answer, expected)

    async def close(self) -> None:
        """Waits until everything sent is answered or timed out: a node drops answers when the call is half-closed."""
        self._is_closed = True
        if unanswered := [pending.answer for pending in self._pending.values()]:
            await asyncio.wait(unanswered, timeout=self._timeout_s)
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        while True:
            if not self._pending:
                await self._outbox.get()
            try:
                stub = await self._connection.ready(Use.APPENDS)
                await self._converse(stub.BatchAppend(metadata=CALL_METADATA))
            except StoreUnavailable as unavailable:
                self._give_up_unsent(unavailable)
            except grpc.aio.AioRpcError as error:
                _log.warning("the call for appends ended: %s", error.code().name)
                await self._connection.lost(error)
            await asyncio.sleep(_PAUSE_S * random.random())  # noqa: S311

    def _give_up_unsent(self, error: StoreUnavailable) -> None:
        for pending in self._pending.values():
            if not pending.was_sent and not pending.answer.done():
                pending.answer.set_exception(error)

    async def _converse(self, call: _Call) -> None:
        """Sends and receives until the call ends; raises AioRpcError unless it ended in order."""
        self._outbox = asyncio.Queue()
        for pending in self._pending.values():
            self._outbox.put_nowait(pending)
        tasks = {asyncio.create_task(self._send(call)), asyncio.create_task(self._receive(call))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            if not task.cancelled():
                task.result()

    async def _send(self, call: _Call) -> None:
        # Only this task writes: a call refuses concurrent writes, and a writer that is cancelled ends it for all.
        while True:
            pending = await self._outbox.get()
            if not pending.answer.done():
                pending.was_sent = True
                await call.write(pending.request)

    async def _receive(self, call: _Call) -> None:
        while isinstance(answer := await call.read(), BatchAppendResp):
            pending = self._pending.get(wire.correlation_id(answer))
            if pending is not None and not pending.answer.done():
                pending.answer.set_result(answer)
