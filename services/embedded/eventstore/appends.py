"""The writing calls of the Streams protocol: BatchAppend, Append, Delete, Tombstone."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NoReturn

import grpc
from kurrentdbclient.protos.v1 import status_pb2, streams_pb2

from services.embedded.eventstore import wire
from services.embedded.eventstore.answers import Context, deleted, refuse, refused, too_large
from services.embedded.eventstore.commits import GroupCommit
from services.embedded.eventstore.model import (
    APPEND_LIMIT_BYTES,
    Append,
    Appended,
    Delete,
    Expired,
    Outcome,
    Proposed,
    StreamDeleted,
    Tombstone,
    Unwritten,
    WrongRevision,
)
from services.embedded.eventstore.refusals import CLOSING, DISK_FULL, WRITE_FAILED

_IN_FLIGHT: Final = 4096
"""How many appends of one call may be unanswered before the next is read."""


class Appends:
    """Hands operations to the group commit and answers with what came of them."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._closing = False
        self._taking: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Takes no more from open BatchAppend calls; each ends once what it took is answered."""
        self._closing = True
        for taking in self._taking:
            taking.cancel()

    async def batch_append(self, _: AsyncIterator[streams_pb2.BatchAppendReq], context: Context) -> None:
        """Many appends on one call, each answered as soon as it is settled."""
        if self._closing:
            await refused(context, CLOSING())
        call = _BatchCall(self._commits)
        answering = asyncio.create_task(call.answer(context.write))
        taking = asyncio.create_task(call.take_all(context))
        self._taking.add(taking)
        try:
            await asyncio.wait((taking,))
            if not taking.cancelled():
                taking.result()
            call.finish()
            await answering
        finally:
            self._taking.discard(taking)
            taking.cancel()
            answering.cancel()
        if self._closing:
            await refused(context, CLOSING())

    async def append(self, requests: AsyncIterator[streams_pb2.AppendReq], context: Context) -> streams_pb2.AppendResp:
        """One append, event by event, settled when the client has sent its last."""
        stream, expected, events, size_bytes = "", 0, list[Proposed](), 0
        try:
            async for request in requests:
                if request.HasField("options"):
                    stream = wire.stream_name(request.options.stream_identifier)
                    expected = wire.expected_revision(request.options)
                else:
                    events.append(wire.proposed(request.proposed_message))
                    size_bytes += _size_bytes(events[-1])
                if size_bytes > APPEND_LIMIT_BYTES:
                    await too_large(context)
            if not stream:
                raise wire.BadRequest("no options")
        except wire.BadRequest as error:
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        outcome = await self._commits.outcome(Append(stream, tuple(events), expected), math.inf)
        if not isinstance(outcome, Appended | WrongRevision):
            await _refuse_outcome(context, stream, expected, outcome)
        return wire.append_answer(expected, outcome)

    async def delete(self, request: streams_pb2.DeleteReq, context: Context) -> streams_pb2.DeleteResp:
        """Hides a stream's events until it is written to again."""
        position = await self._end(request.options, Delete, context)
        answer = streams_pb2.DeleteResp()
        answer.position.commit_position = answer.position.prepare_position = position
        return answer

    async def tombstone(self, request: streams_pb2.TombstoneReq, context: Context) -> streams_pb2.TombstoneResp:
        """Ends a stream for ever."""
        position = await self._end(request.options, Tombstone, context)
        answer = streams_pb2.TombstoneResp()
        answer.position.commit_position = answer.position.prepare_position = position
        return answer

    async def _end(
        self,
        options: streams_pb2.DeleteReq.Options | streams_pb2.TombstoneReq.Options,
        operation: Callable[[str, int], Delete | Tombstone],
        context: Context,
    ) -> int:
        try:
            stream = wire.stream_name(options.stream_identifier)
            expected = wire.expected_revision(options)
        except wire.BadRequest as error:
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        outcome = await self._commits.outcome(operation(stream, expected), math.inf)
        if not isinstance(outcome, Appended):
            await _refuse_outcome(context, stream, expected, outcome)
        return outcome.position


class _BatchCall:
    """One BatchAppend call: appends in parts until they are complete, and answers until they are sent."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._parts: dict[bytes, _Parts] = {}
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._capacity = asyncio.Semaphore(_IN_FLIGHT)
        self._unsettled = 0
        self._finishing = False

    async def take_all(self, context: Context) -> None:
        """Takes requests until the client sends no more."""
        while (request := await context.read()) is not grpc.aio.EOF:
            await self._take(request)

    async def _take(self, request: streams_pb2.BatchAppendReq) -> None:
        """Adds a request's events to its append, and submits the append if they are the last."""
        key = request.correlation_id.SerializeToString()
        if request.HasField("options"):
            parts = _Parts(request)
        elif key in self._parts:
            parts = self._parts[key]
        else:
            return  # a genuine node does not answer what has no options, either
        parts.add(request)
        if not request.is_final:
            self._parts[key] = parts
            return
        self._parts.pop(key, None)
        await self._capacity.acquire()
        self._submit(parts)

    def _submit(self, parts: "_Parts") -> None:
        operation = parts.operation()
        if isinstance(operation, status_pb2.Status):
            self._answers.put_nowait(wire.batch_answer(parts.first, 0, operation))
            return
        self._unsettled += 1

        def settled(outcome: Outcome) -> None:
            self._unsettled -= 1
            self._answers.put_nowait(wire.batch_answer(parts.first, operation.expected, outcome))
            if self._finishing and not self._unsettled:
                self._answers.put_nowait(None)

        self._commits.submit(operation, parts.deadline(), settled)

    async def answer(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Sends answers until the last."""
        while (answer := await self._answers.get()) is not None:
            await write(answer)
            self._capacity.release()

    def finish(self) -> None:
        """No more is taken: let `answer` end once all is settled and sent."""
        self._finishing = True
        if not self._unsettled:
            self._answers.put_nowait(None)


class _Parts:
    """An append of which some requests have come; `first` carries its options."""

    def __init__(self, first: streams_pb2.BatchAppendReq) -> None:
        self.first = first
        self._events: list[Proposed] = []
        self._size_bytes = 0
        self._problem: status_pb2.Status | None = None

    def add(self, request: streams_pb2.BatchAppendReq) -> None:
        if self._problem is not None:
            return
        try:
            for message in request.proposed_messages:
                event = wire.proposed(message)
                self._events.append(event)
                self._size_bytes += _size_bytes(event)
        except wire.BadRequest as error:
            self._problem = wire.bad_request(str(error))
        if self._size_bytes > APPEND_LIMIT_BYTES:
            self._problem = wire.too_large()
            self._events.clear()

    def operation(self) -> Append | status_pb2.Status:
        """The complete append, or why it is not one."""
        options = self.first.options
        try:
            wire.uuid_bytes(self.first.correlation_id)
            operation = Append(
                wire.stream_name(options.stream_identifier), tuple(self._events), wire.expected_revision(options)
            )
        except wire.BadRequest as error:
            return wire.bad_request(str(error))
        return self._problem or operation

    def deadline(self) -> float:
        """When the client gives up, as a `time.monotonic()`."""
        if not self.first.options.HasField("deadline"):
            return math.inf
        wait = self.first.options.deadline
        return time.monotonic() + wait.seconds + wait.nanos / 1e9


def _size_bytes(event: Proposed) -> int:
    return len(event.data) + len(event.metadata)


async def _refuse_outcome(context: Context, stream: str, expected: int, outcome: Outcome) -> NoReturn:
    match outcome:
        case WrongRevision(actual):
            await refuse(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"Not done: WrongExpectedVersion. Stream: {stream},"
                f" Expected version: {expected}, Actual version: {actual}",
                {
                    "exception": "wrong-expected-version",
                    "stream-name": stream,
                    "expected-version": str(expected),
                    "actual-version": str(actual),
                },
            )
        case StreamDeleted():
            await deleted(context, stream)
        case Unwritten(full):
            await refused(context, (DISK_FULL if full else WRITE_FAILED)())
        case Expired() | Appended():
            await refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed before the operation's turn.")
