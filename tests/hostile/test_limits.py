"""Limits of sizes, of rates, of streams per person, and of patience; while one caller meets them, others are served."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from regard.chat.v1.chat_pb2 import ListMessagesRequest, SendMessageRequest, SubscribeRequest

from services.common import contracts
from services.common.rpc.border import MOST_STREAMS
from tests.hostile.calls import ask, ask_in_json
from tests.hostile.stage import Person, Scene
from tests.product import LIMIT_S
from tests.system.refused import by_web, told_by_json

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(300), pytest.mark.slow]

METHODS = {one.full_name.rpartition(".")[2]: one for one in contracts.methods() if ".chat.v1." in one.full_name}
SLOW_CONNECTIONS = 300
CONNECTIONS = 30


async def _is_served(scene: Scene, name: str = "member") -> None:
    """The member reads, as if nothing else went on."""
    async with httpx.AsyncClient(base_url=scene.stage.url, timeout=30) as client:
        told, text = await ask_in_json(
            client,
            METHODS["ListMessages"],
            METHODS["ListMessages"].http[0],
            ListMessagesRequest(room_id=scene.ids["room"]),
            scene.people[name].token,
        )
    assert told is None and scene.secrets["message"].encode() in text


@pytest.mark.parametrize(
    ("size_bytes", "id"),
    [(900_000, "RPC-02"), (1_200_000, "RPC-12"), (3_000_000, "GWY-03"), (5_000_000, "GWY-03")],
)
async def test_what_is_too_large_is_refused_with_an_id_by_every_way(scene: Scene, size_bytes: int, id: str) -> None:
    method, token = METHODS["SendMessage"], scene.people["member"].token
    request = SendMessageRequest(room_id=scene.ids["room"], body="x" * size_bytes)
    async with (
        grpc.aio.insecure_channel(scene.stage.target, [("grpc.max_send_message_length", -1)]) as channel,
        httpx.AsyncClient(base_url=scene.stage.url, timeout=60) as client,
    ):
        told = [
            (await ask(channel, method, request, token))[0],
            await by_web(client, scene.stage.url, method, request, "en", token),
            (await ask_in_json(client, method, method.http[0], request, token))[0],
        ]
        assert [one.id for one in told if one] == [id] * 3
    await _is_served(scene)


async def test_behind_the_gateway_too_nothing_larger_is_taken_in(scene: Scene) -> None:
    """Beyond four times the limit gRPC itself cuts it off, without an id; only Regard's own services call there."""
    token = scene.people["member"].token
    async with grpc.aio.insecure_channel(scene.stage.behind["chat"], [("grpc.max_send_message_length", -1)]) as channel:
        request = SendMessageRequest(room_id=scene.ids["room"], body="x" * 3_000_000)
        told, _ = await ask(channel, METHODS["SendMessage"], request, token)
        assert told and told.id == "RPC-12"
        request.body = "x" * 20_000_000
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(METHODS["SendMessage"].path)(request.SerializeToString())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await _is_served(scene)


async def test_one_person_has_so_many_streams(scene: Scene) -> None:
    """Through every way in together; whoever reached the limit reads on, and others open theirs."""
    person, method = scene.stage.person(), METHODS["Subscribe"]
    async with contextlib.AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(scene.stage.target))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=scene.stage.url, timeout=60))
        for number in range(MOST_STREAMS):
            if number % 2:
                stream = stack.enter_context(_subscribed(channel, person))
                assert await stream.read() is not grpc.aio.EOF
            else:
                await stack.enter_async_context(_subscribed_in_json(client, person))
        request = SubscribeRequest()
        told, _ = await ask(channel, method, request, person.token)
        assert told and (told.id, told.kind) == ("RPC-16", "RESOURCE_EXHAUSTED")
        assert (await ask_in_json(client, method, method.http[0], request, person.token))[0] == told
        assert await by_web(client, scene.stage.url, method, request, "en", person.token) == told
        assert (await ask(channel, METHODS["ListRooms"], METHODS["ListRooms"].request(), person.token))[0] is None
        other = stack.enter_context(_subscribed(channel, scene.people["member"]))
        assert await other.read() is not grpc.aio.EOF
    async with grpc.aio.insecure_channel(scene.stage.target) as channel, asyncio.timeout(LIMIT_S):
        while (await ask(channel, method, SubscribeRequest(), person.token))[0]:
            await asyncio.sleep(0.05)  # until the ends of the others have arrived


@contextlib.contextmanager
def _subscribed(channel: grpc.aio.Channel, person: Person):  # type: ignore[no-untyped-def]
    metadata = (("authorization", f"Bearer {person.token}"),)
    call = channel.unary_stream(METHODS["Subscribe"].path)(SubscribeRequest().SerializeToString(), metadata=metadata)
    try:
        yield call
    finally:
        call.cancel()


@contextlib.asynccontextmanager
async def _subscribed_in_json(client: httpx.AsyncClient, person: Person) -> AsyncIterator[None]:
    headers = {"authorization": f"Bearer {person.token}"}
    async with client.stream("GET", "/v1/rooms:subscribe", headers=headers) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert await anext(lines)
        yield
        await lines.aclose()


async def test_whoever_calls_too_often_is_told_and_others_are_served(scene: Scene) -> None:
    """Thousands of calls, each costing the gateway as little as can be."""
    person, limited = scene.stage.person(), asyncio.Event()
    host, _, port = scene.stage.target.partition(":")
    call = f"GET /v1/zibeline HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {person.token}\r\n\r\n".encode()

    async def insist() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while not limited.is_set():
            writer.write(call)
            status, headers, body = await _answer(reader)
            assert status in (404, 429), body
            if headers.get("x-ratelimit-remaining") == "0" and status == 429:
                told = told_by_json(status, headers, body, "fr")
                assert told and (told.id, told.kind) == ("GWY-02", "RESOURCE_EXHAUSTED")
                assert headers["retry-after"]
                limited.set()
        writer.close()

    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(insist())
    async with asyncio.timeout(LIMIT_S), grpc.aio.insecure_channel(scene.stage.target) as channel:
        # They call from the same address, whose own limit is a second's.
        method, token = METHODS["ListRooms"], scene.people["member"].token
        while (told := (await ask(channel, method, method.request(), token))[0]) is not None:
            assert told.id == "GWY-02"
            await asyncio.sleep(0.05)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, body.decode()


async def test_who_sends_a_byte_at_a_time_is_cut_off_and_others_are_served(scene: Scene) -> None:
    """Slow headers and slow bodies on hundreds of connections, none of them ever silent: the gateway ends them all."""
    host, _, port = scene.stage.target.partition(":")
    token, room = scene.people["outsider"].token, scene.ids["room"]
    slow_head = b"GET /v1/people/me HTTP/1.1\r\nhost: x\r\nx-slow: "
    slow_body = (
        f"POST /v1/rooms/{room}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        'content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"body": "'
    ).encode()
    chunked = slow_body.replace(b"content-length: 100000", b"transfer-encoding: chunked").replace(b"{", b"1\r\n{")
    ended: list[bytes] = []

    async def drip(beginning: bytes, drop: bytes) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        reading = asyncio.ensure_future(reader.read())
        writer.write(beginning)
        with contextlib.suppress(ConnectionError):
            while not reading.done():
                writer.write(drop)
                await writer.drain()
                await asyncio.wait([reading], timeout=1)
        with contextlib.suppress(ConnectionError):
            ended.append(await reading)
        writer.close()

    kinds = ((slow_head, b"x"), (slow_body, b"x"), (chunked, b"\r\n1\r\nx"))
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        dripping = [group.create_task(drip(*kinds[number % 3])) for number in range(SLOW_CONNECTIONS)]
        while not all(task.done() for task in dripping):
            await _is_served(scene)
            await asyncio.sleep(0.5)
    # Those who were told were told why, and nobody was served.
    assert {answer.split(b" ", 2)[1] for answer in ended if answer} <= {b"408", b"400", b"504"}
    assert all(b"GWY-0" in answer for answer in ended if answer)
    await _is_served(scene)
