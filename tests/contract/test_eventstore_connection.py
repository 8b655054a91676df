"""What the client of a node does when the node answers late, never, twice, in another order, or dies."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from kurrentdbclient.protos.v1 import shared_pb2, status_pb2, streams_pb2_grpc
from kurrentdbclient.protos.v1.shared_pb2 import AllStreamPosition
from kurrentdbclient.protos.v1.streams_pb2 import BatchAppendReq, BatchAppendResp, ReadReq, ReadResp

from services.common.clock import system_clock
from services.common.eventstore import (
    AppendOutcomeUnknown,
    ExpectedState,
    KurrentEventStore,
    MemoryEventStore,
    NewEvent,
    RejectedByStore,
    StoreUnavailable,
)
from services.embedded.eventstore import EmbeddedEventStore
from tests.node import with_tls

NO_STREAM, ANY = ExpectedState.NO_STREAM, ExpectedState.ANY
DEADLINE_S = 60

Requests = AsyncIterator[BatchAppendReq]
Call = grpc.aio.ServicerContext[BatchAppendReq, BatchAppendResp]
Script = Callable[[int, Requests, Call], AsyncIterator[BatchAppendResp]]


class ScriptedNode(streams_pb2_grpc.StreamsServicer):
    """Answers appends as a test says: the script gets the call's number, its requests and its context."""

    def __init__(self, script: Script) -> None:
        self.calls = 0
        self._script = script

    async def BatchAppend(self, requests: Requests, context: Call) -> AsyncIterator[BatchAppendResp]:
        self.calls += 1
        async for answer in self._script(self.calls, requests, context):
            yield answer


@asynccontextmanager
async def scripted(
    script: Script, timeout_s: float = DEADLINE_S
) -> AsyncIterator[tuple[KurrentEventStore, ScriptedNode]]:
    node = ScriptedNode(script)
    server = grpc.aio.server()
    streams_pb2_grpc.add_StreamsServicer_to_server(node, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    store = KurrentEventStore(f"kurrentdb://127.0.0.1:{port}?Tls=false", timeout_s=timeout_s)
    try:
        yield store, node
    finally:
        await store.close()
        await server.stop(None)


def event(label: str = "a") -> NewEvent:
    return NewEvent(label, b"", {}, uuid.uuid5(uuid.NAMESPACE_OID, label))


def success(request: BatchAppendReq, position: int) -> BatchAppendResp:
    return BatchAppendResp(
        correlation_id=request.correlation_id,
        success=BatchAppendResp.Success(position=AllStreamPosition(commit_position=position)),
    )


def failure(request: BatchAppendReq, detail: object) -> BatchAppendResp:
    packed = AnyMessage()
    packed.Pack(detail)  # type: ignore[arg-type]
    return BatchAppendResp(correlation_id=request.correlation_id, error=status_pb2.Status(details=packed))


async def test_all_appends_share_one_call_and_answers_come_in_any_order() -> None:
    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        waiting = []
        async for request in requests:
            waiting.append(request)
            if len(waiting) == 150:
                for one in reversed(waiting):
                    yield success(one, int(one.options.stream_identifier.stream_name.rpartition(b"-")[2]))

    async with scripted(script) as (store, node):
        positions = await asyncio.gather(*(store.append(f"s-{i}", [event()], ANY) for i in range(1, 151)))
        assert positions == list(range(1, 151))
        assert node.calls == 1


async def test_an_answer_may_carry_its_correlation_id_as_two_integers() -> None:
    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            number = uuid.UUID(request.correlation_id.string).int
            most, least = number >> 64, number & 2**64 - 1
            answer = success(request, 7)
            signed = [half - 2**64 if half >= 2**63 else half for half in (most, least)]
            answer.correlation_id.structured.most_significant_bits = signed[0]
            answer.correlation_id.structured.least_significant_bits = signed[1]
            yield answer

    async with scripted(script) as (store, _):
        assert await asyncio.gather(*(store.append("s-1", [event()], ANY) for _ in range(20))) == [7] * 20


async def test_when_the_call_breaks_the_same_appends_are_sent_again_in_order() -> None:
    """The node has stored both, and broke before it answered: nothing may be stored twice."""
    stored = MemoryEventStore(system_clock)
    seen: list[list[bytes]] = [[], []]

    async def keep(request: BatchAppendReq) -> int:
        expected = NO_STREAM if request.options.HasField("no_stream") else request.options.stream_position
        sent = [NewEvent(m.metadata["type"], m.data, {}, uuid.UUID(m.id.string)) for m in request.proposed_messages]
        return await stored.append(request.options.stream_identifier.stream_name.decode(), sent, expected)

    async def script(call: int, requests: Requests, context: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            seen[call - 1].append(request.SerializeToString())
            position = await keep(request)
            if call > 1:
                yield success(request, position)
            elif len(seen[0]) == 2:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with scripted(script) as (store, node):
        first = asyncio.create_task(store.append("s-1", [event("a")], NO_STREAM))
        second = asyncio.create_task(store.append("s-1", [event("b")], 0))
        assert [await first, await second] == [1, 2]
        assert node.calls == 2
    assert seen[0] == seen[1]
    assert [one.type for one in (await stored.load("s-1")).events] == ["a", "b"]


async def test_an_append_that_is_never_answered_has_an_unknown_outcome() -> None:
    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            if request.options.stream_identifier.stream_name == b"s-2":
                yield success(request, 2)

    async with scripted(script, timeout_s=0.5) as (store, _):
        lost = asyncio.create_task(store.append("s-1", [event()], ANY))
        assert await store.append("s-2", [event()], ANY) == 2
        with pytest.raises(AppendOutcomeUnknown):
            await lost
        assert await store.append("s-2", [event()], ANY) == 2


@pytest.mark.parametrize(
    ("detail", "raised"),
    [
        (shared_pb2.Timeout(), AppendOutcomeUnknown),
        (shared_pb2.Unknown(), AppendOutcomeUnknown),
        (shared_pb2.StreamDeleted(), RejectedByStore),
        (shared_pb2.BadRequest(message="secret"), RejectedByStore),
        (shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=1), RejectedByStore),
        (shared_pb2.AccessDenied(), RejectedByStore),
    ],
)
async def test_errors_of_the_node(detail: object, raised: type[Exception]) -> None:
    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            yield failure(request, detail)

    async with scripted(script) as (store, _):
        with pytest.raises(raised) as caught:
            await store.append("s-1", [event()], ANY)
        assert "secret" not in str(caught.value)


async def test_closing_waits_for_answers_under_way() -> None:
    received, go_on = asyncio.Event(), asyncio.Event()

    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            received.set()
            await go_on.wait()
            yield success(request, 3)

    async with scripted(script) as (store, _):
        append = asyncio.create_task(store.append("s-1", [event()], ANY))
        await received.wait()
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await store.append("s-1", [event("b")], ANY)
        go_on.set()
        assert await append == 3
        await closing


async def test_a_caller_that_gives_up_leaves_the_call_to_the_others() -> None:
    received, go_on = asyncio.Event(), asyncio.Event()

    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            received.set()
            await go_on.wait()
            yield success(request, 4)

    async with scripted(script) as (store, node):
        given_up = asyncio.create_task(store.append("s-1", [event()], ANY))
        await received.wait()
        patient = asyncio.create_task(store.append("s-2", [event()], ANY))
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        go_on.set()
        assert await patient == 4
        assert node.calls == 1


async def test_a_node_that_is_not_there_is_refused_soon() -> None:
    store = KurrentEventStore("kurrentdb://127.0.0.1:9?Tls=false")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.load("s-1"),
        lambda: store.append("s-1", [event()], ANY),
        lambda: store.head(("s-",)),
        lambda: anext(store.read_all(prefixes=("s-",))),
        lambda: anext(store.subscribe(after=0, prefixes=("s-",))),
        lambda: store.set_retention("s-1", max_count=1),
    ]
    async with asyncio.timeout(DEADLINE_S):
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call()
        outcomes = await asyncio.gather(*(call() for call in calls * 20), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await store.close()


async def test_a_node_that_accepts_and_says_nothing_is_refused() -> None:
    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stopped.wait()
        writer.close()

    stopped = asyncio.Event()
    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = KurrentEventStore(f"kurrentdb://127.0.0.1:{port}?Tls=false", timeout_s=2)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StoreUnavailable):
            await store.load("s-1")
        with pytest.raises(StoreUnavailable):
            await store.append("s-1", [event()], ANY)
    await store.close()
    stopped.set()
    server.close()
    await server.wait_closed()


async def test_a_read_that_is_never_answered_is_refused() -> None:
    class Silent(streams_pb2_grpc.StreamsServicer):
        async def Read(
            self, _: ReadReq, context: grpc.aio.ServicerContext[ReadReq, ReadResp]
        ) -> AsyncIterator[ReadResp]:
            await asyncio.Event().wait()
            yield ReadResp()

    server = grpc.aio.server()
    streams_pb2_grpc.add_StreamsServicer_to_server(Silent(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    store = KurrentEventStore(f"kurrentdb://127.0.0.1:{port}?Tls=false", timeout_s=0.3)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StoreUnavailable):
            await store.load("s-1")
    await store.close()
    await server.stop(None)


async def test_a_restarted_node_is_found_again(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path) as node:
        port = node.port
        store = KurrentEventStore(node.uri)
        await store.append("s-1", [event("a")], NO_STREAM)
        subscription = store.subscribe(after=0, prefixes=("s-",))
        assert (await anext(subscription)).type == "a"
        waiting = asyncio.ensure_future(anext(subscription))
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StoreUnavailable):
            await waiting
        with pytest.raises(StoreUnavailable):
            await store.load("s-1")
        with pytest.raises(StoreUnavailable):
            await store.append("s-1", [event("b")], 0)
    async with EmbeddedEventStore(tmp_path, port), asyncio.timeout(DEADLINE_S):
        position = await store.append("s-1", [event("b")], 0)
        history = await store.load("s-1")
        assert [one.type for one in history.events] == ["a", "b"]
        again = store.subscribe(after=0, prefixes=("s-",))
        assert [(await anext(again)).position for _ in range(2)][-1] == position
        await store.close()


async def test_subscriptions_that_fill_a_connection_leave_reads_and_appends_free() -> None:
    """A node allows only so many calls on one connection, and a call too many waits for ever."""

    class Node(ScriptedNode):
        async def Read(
            self, request: ReadReq, context: grpc.aio.ServicerContext[ReadReq, ReadResp]
        ) -> AsyncIterator[ReadResp]:
            if request.options.HasField("subscription"):
                subscribed.release()
                await asyncio.Event().wait()
            yield ReadResp(stream_not_found=ReadResp.StreamNotFound())

    async def script(_: int, requests: Requests, __: Call) -> AsyncIterator[BatchAppendResp]:
        async for request in requests:
            yield success(request, 1)

    subscribed = asyncio.Semaphore(0)
    server = grpc.aio.server(options=[("grpc.max_concurrent_streams", 10)])
    streams_pb2_grpc.add_StreamsServicer_to_server(Node(script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    store = KurrentEventStore(f"kurrentdb://127.0.0.1:{port}?Tls=false")
    async with asyncio.timeout(DEADLINE_S):
        waiting = [asyncio.ensure_future(anext(store.subscribe(after=0, prefixes=("s-",)))) for _ in range(10)]
        for _ in waiting:
            await subscribed.acquire()
        assert (await store.load("s-1")).events == ()
        assert await store.append("s-1", [event()], ANY) == 1
        await store.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await server.stop(None)


async def test_a_wrong_password_opens_nothing_and_a_certificate_by_others_reaches_nobody(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path) as node, with_tls(node.uri, tmp_path) as uri:
        # An append that was sent counts as perhaps written, whatever ended the call.
        refused: dict[str, tuple[type[Exception], type[Exception]]] = {
            uri.replace("secret", "guess"): (RejectedByStore, AppendOutcomeUnknown),
            uri.partition("&tlsCaFile")[0]: (StoreUnavailable, StoreUnavailable),
            uri.replace("tls=true", "tls=false"): (StoreUnavailable, StoreUnavailable),
        }
        for wrong, (reading, appending) in refused.items():
            store = KurrentEventStore(wrong, timeout_s=1)
            calls: list[tuple[Callable[[], Awaitable[object]], type[Exception]]] = [
                (lambda s=store: s.load("s-1"), reading),
                (lambda s=store: s.head(("s-",)), reading),
                (lambda s=store: s.append("s-1", [event()], ANY), appending),
            ]
            for call, expected in calls:
                with pytest.raises(expected) as caught:
                    await call()
                assert "secret" not in str(caught.value)
                assert "guess" not in str(caught.value)
            await store.close()
        right = KurrentEventStore(uri)
        assert (await right.load("s-1")).events == ()
        await right.close()
