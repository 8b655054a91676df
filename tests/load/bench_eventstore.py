"""How fast an event store takes and gives events: one JSON line for each figure.

    python tests/load/bench_eventstore.py            starts an embedded node in its own process
    REGARD_EVENTSTORE_URI=... python ...             measures the node found there

Appends of one 300-byte event go through one BatchAppend call; $all is read with the raw stub. No figure is asserted.
"""

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import grpc
import uvloop
from kurrentdbclient.protos.v1 import shared_pb2, streams_pb2, streams_pb2_grpc

APPENDS = 6000
SIZE_BYTES = 300


@asynccontextmanager
async def node() -> AsyncIterator[str]:
    """The target to measure, host:port."""
    if uri := os.environ.get("REGARD_EVENTSTORE_URI"):
        yield urlsplit(uri).netloc
        return
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services",
            "eventstore",
            env={**os.environ, "REGARD_DATA": folder, "REGARD_EVENTSTORE_PORT": "0"},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        found = re.search(r"kurrentdb://([^?]+)", (await process.stdout.readline()).decode())
        assert found is not None
        try:
            yield found[1]
        finally:
            process.terminate()
            await process.wait()


class Appender:
    """One BatchAppend call; answers are matched by correlation id."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target)
        self._call = streams_pb2_grpc.StreamsStub(self._channel).BatchAppend()  # type: ignore[no-untyped-call]
        self._lock = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._answers = asyncio.create_task(self._read())

    async def append(self, stream: str) -> None:
        """Appends one event at ANY, and waits for the answer."""
        id = str(uuid4())
        request = streams_pb2.BatchAppendReq(correlation_id=shared_pb2.UUID(string=id), is_final=True)
        request.options.stream_identifier.stream_name = stream.encode()
        request.options.any.SetInParent()
        request.options.deadline.seconds = 10
        request.proposed_messages.add(
            id=shared_pb2.UUID(string=str(uuid4())),
            metadata={"type": "regard.bench.v1.Measured", "content-type": "application/octet-stream"},
            data=os.urandom(SIZE_BYTES),
        )
        answered = self._waiting[id] = asyncio.get_running_loop().create_future()
        async with self._lock:
            await self._call.write(request)
        await answered

    async def _read(self) -> None:
        while (answer := await self._call.read()) is not grpc.aio.EOF:
            assert answer.HasField("success"), answer
            self._waiting.pop(answer.correlation_id.string).set_result(None)

    async def close(self) -> None:
        """Ends the call."""
        self._answers.cancel()
        self._call.cancel()
        await self._channel.close()


async def appends(target: str, writers: int) -> None:
    """Prints the rate and the latencies of `writers` that append without pause."""
    appender = Appender(target)
    latencies_ms: list[float] = []

    async def write(count: int) -> None:
        stream = f"bench-{uuid4()}"
        for _ in range(count):
            began = time.perf_counter()
            await appender.append(stream)
            latencies_ms.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    total = APPENDS if writers > 1 else APPENDS // 4
    await asyncio.gather(*(write(total // writers) for _ in range(writers)))
    seconds = time.perf_counter() - began
    await appender.close()
    at = statistics.quantiles(latencies_ms, n=100)
    report("appends", writers=writers, per_s=len(latencies_ms) / seconds, p50_ms=at[49], p99_ms=at[98])


async def reads(target: str) -> None:
    """Prints the rate at which one call reads $all."""
    options = streams_pb2.ReadReq.Options(count=2**62)
    options.all.start.SetInParent()
    options.uuid_option.string.SetInParent()
    options.no_filter.SetInParent()
    async with grpc.aio.insecure_channel(target) as channel:
        stub = streams_pb2_grpc.StreamsStub(channel)  # type: ignore[no-untyped-call]
        began, count = time.perf_counter(), 0
        async for _ in stub.Read(streams_pb2.ReadReq(options=options)):
            count += 1
        report("reads of $all", events=count, per_s=count / (time.perf_counter() - began))


def report(what: str, **figures: float) -> None:
    """One line of JSON."""
    print(json.dumps({"what": what, **{name: round(figure, 2) for name, figure in figures.items()}}), flush=True)


async def main() -> None:
    """Measures one node."""
    async with node() as target:
        for writers in (1, 8, 32):
            await appends(target, writers)
        await reads(target)


if __name__ == "__main__":
    uvloop.run(main())
