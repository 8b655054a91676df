"""Clients that open their stream and never read it: memory stays bounded, others are not delayed, the end is told."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from regard.chat.v1 import chat_pb2 as chat

from regard_client import AsyncRegard, Session
from tests.faults.rounds import checked
from tests.faults.traffic import PASSWORD, Traffic
from tests.product import LIMIT_S, Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SILENT = 10
MESSAGES = 2000
"""More than may wait for one listener."""
_AT_ONCE = 100
BODY = "Le capteur tient. " * 400
"""7,200 characters: all messages together are 14 MB, for each who reads them."""
MOST_MORE_BYTES = 80_000_000
"""Half of what the silent ones would be sent."""


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    started = Product(tmp_path, "all")
    yield started
    started.close()


async def test_who_never_reads_costs_little_and_delays_nobody(product: Product) -> None:
    traffic = Traffic(random.Random(1))
    url = await asyncio.to_thread(product.ready)
    await traffic.prepare(url, product.code)
    async with (
        AsyncRegard(url, session=Session(language="en")) as administrator,
        AsyncRegard(url) as bo,
        AsyncRegard(url) as cleo,
    ):
        await administrator.sign_in("admin@traffic.example", PASSWORD)
        await bo.sign_in("bo@traffic.example", PASSWORD)
        await cleo.sign_in("cleo@traffic.example", PASSWORD)
        await _said_and_heard(administrator, cleo, traffic, "while everyone reads")
        before_bytes = _memory_bytes(product)
        with ExitStack() as open_sockets:
            silent = [open_sockets.enter_context(_silent(url, bo.session.token)) for _ in range(SILENT)]
            await _said_and_heard(administrator, cleo, traffic, "while ten do not")
            more_bytes = _memory_bytes(product) - before_bytes
            print(f"{more_bytes / 1e6:.0f} MB more with {SILENT} silent clients")
            assert more_bytes < MOST_MORE_BYTES
            for one in silent:
                assert (await asyncio.to_thread(_last_frame, one))["end"]["reason"] == "CHT-08"
    await checked(product)


async def _said_and_heard(administrator: AsyncRegard, reader: AsyncRegard, traffic: Traffic, source: str) -> None:
    """Messages are written, and somebody who reads their stream hears all, going on from their cursor when told to."""
    heard, cursor = set[str](), ""
    begun = asyncio.Event()

    async def hear() -> None:
        nonlocal cursor
        while True:
            async for frame in reader.chat.Subscribe(chat.SubscribeRequest(cursor=cursor)):
                begun.set()
                cursor = frame.cursor
                if frame.HasField("message"):
                    heard.add(frame.message.id)
                if len(heard) == MESSAGES:
                    return

    async with asyncio.timeout(2 * LIMIT_S), asyncio.TaskGroup() as both:
        both.create_task(hear())
        await begun.wait()
        await _say(administrator, traffic, source)


async def _say(administrator: AsyncRegard, traffic: Traffic, source: str) -> None:
    written_at = Timestamp()
    written_at.FromDatetime(datetime.now(UTC))
    for start in range(0, MESSAGES, _AT_ONCE):
        messages = [
            chat.ImportMessagesRequest.ImportedMessage(
                external_id=str(number), author_id=traffic.ids["ana"], body=BODY, written_at=written_at
            )
            for number in range(start, start + _AT_ONCE)
        ]
        request = chat.ImportMessagesRequest(room_id=traffic.room_id, source=source, messages=messages)
        await administrator.chat.ImportMessages(request, timeout=LIMIT_S)


def _memory_bytes(product: Product) -> int:
    """Resident memory of the services and of the gateway."""
    pids = (product.child.pid, product.envoy)
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


def _silent(url: str, token: str) -> socket.socket:
    """A stream by JSON whose client reads nothing beyond the first line."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(LIMIT_S)
    client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    client.sendall(f"GET /v1/rooms:subscribe HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def _last_frame(client: socket.socket) -> Any:
    """What the stream says before it ends, read at last."""
    received = b""
    while not (b"\r\n0\r\n" in received[-200:] and received.endswith(b"\r\n\r\n")):
        more = client.recv(1 << 20)
        assert more, received[-500:]
        received += more
    return [json.loads(line) for line in received.split(b"\n") if line.startswith(b"{")][-1]
