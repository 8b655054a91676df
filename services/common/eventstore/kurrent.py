"""The event store on a KurrentDB or EventStoreDB node, or on anything that speaks its Streams protocol."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import grpc.aio
from kurrentdbclient.protos.v1.streams_pb2 import ReadReq, ReadResp

from services.common.eventstore import wire
from services.common.eventstore.appender import Appender
from services.common.eventstore.connection import CALL_METADATA, Connection, Use
from services.common.eventstore.types import (
    Expected,
    ExpectedState,
    History,
    NewEvent,
    Recorded,
    RejectedByStore,
    StoreUnavailable,
    Subscription,
)
from services.common.ids import Position, StreamName

TIMEOUT_S = 5.0
_SCAN_TIMEOUT_S = 30.0
"""How long a node may examine the log without finding the next event that passes the filter."""

_UNREACHABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.NOT_FOUND,  # a node that is not the leader answers so; a missing stream is no error
    }
)


class KurrentEventStore:
    """Belongs to one event loop; connects at the first call, and again by itself whenever the connection is lost."""

    def __init__(self, uri: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._connection = Connection(uri)
        self._appender = Appender(self._connection, timeout_s)

    async def load(self, stream: str, *, after: int = -1) -> History:
        """See EventStore."""
        request = wire.read_stream(stream, after)
        # A limit on silence, not on the whole: a stream may be long.
        events = tuple([event async for event in self._read(request, Use.READS, silence_s=self._timeout_s)])
        if not events:
            return History(StreamName(stream), revision=after)
        return History(StreamName(stream), events, events[-1].revision, events[-1].position)

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        """See EventStore."""
        if not events:
            raise ValueError("an append needs at least one event")
        return await self._appender.append(stream, tuple(events), expected)

    async def read_all(
        self, *, after: int = 0, prefixes: tuple[str, ...], limit: int | None = None
    ) -> AsyncIterator[Recorded]:
        """See EventStore."""
        found = 0
        request = wire.read_all(after, prefixes, limit)
        async with aclosing(self._read(request, Use.READS, silence_s=_SCAN_TIMEOUT_S)) as events:
            async for event in events:
                if event.position <= after:
                    continue
                if limit is not None and found >= limit:
                    return
                found += 1
                yield event

    async def head(self, prefixes: tuple[str, ...]) -> Position:
        """See EventStore."""
        async with aclosing(self._read(wire.read_last(prefixes), Use.READS, silence_s=_SCAN_TIMEOUT_S)) as events:
            async for event in events:
                return event.position
        return Position(0)

    def subscribe(self, *, after: int, prefixes: tuple[str, ...]) -> Subscription:
        """See EventStore."""
        return Subscription(self._read(wire.subscribe(after, prefixes), Use.SUBSCRIPTIONS))

    async def set_retention(self, stream: str, *, max_count: int | None = None, max_age_s: int | None = None) -> None:
        """See EventStore."""
        event = NewEvent("$metadata", wire.retention(max_count, max_age_s), {}, uuid.uuid4())
        await self._appender.append(f"$${stream}", (event,), ExpectedState.ANY, wire.JSON)

    async def close(self) -> None:
        """See EventStore."""
        await self._appender.close()
        await self._connection.close()

    async def _read(
        self, request: ReadReq, use: Use, *, silence_s: float | None = None
    ) -> AsyncGenerator[Recorded, None]:
        stub = await self._connection.ready(use)
        call: grpc.aio.UnaryStreamCall[ReadReq, ReadResp] = stub.Read(request, metadata=CALL_METADATA)
        try:
            while True:
                async with asyncio.timeout(silence_s):
                    answer = await call.read()
                if not isinstance(answer, ReadResp):
                    return
                event = wire.recorded(answer)
                if event is not None:
                    yield event
        except grpc.aio.AioRpcError as error:
            await self._connection.lost(error)
            if error.code() in _UNREACHABLE:
                raise StoreUnavailable from None
            raise RejectedByStore(error.code().name) from None
        except TimeoutError:
            raise StoreUnavailable from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise StoreUnavailable from None  # the channel was closed under the call, not this task cancelled
        finally:
            call.cancel()
