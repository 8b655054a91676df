"""kill -9 of the embedded event store under load: what it acknowledged is there, once, where it said."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from kurrentdbclient import AsyncKurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError

from tests.faults.rounds import rounds, seeded

_WRITERS = 8
_WAIT_S = 30.0


@dataclass
class Written:
    """What was sent, and the position of what was acknowledged, by the id of the event."""

    sent: set[UUID] = field(default_factory=set)
    acknowledged: dict[UUID, int] = field(default_factory=dict)


@asynccontextmanager
async def _process(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A node of its own, and its URI."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services",
        "eventstore",
        env={**os.environ, "REGARD_DATA": str(folder), "REGARD_EVENTSTORE_PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _WAIT_S)
        uri = re.search(r"kurrentdb://[^)\s]+", line.decode())
        assert uri is not None, line
        yield process, uri[0]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), _WAIT_S)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_acknowledged_appends_survive_kill_9(tmp_path: Path) -> None:
    draw, most = seeded(), rounds(4, of=200)
    written = Written()
    for round_ in range(most):
        already = len(written.acknowledged)
        async with _process(tmp_path) as (process, uri), AsyncKurrentDBClient(uri) as client:
            writers = [asyncio.create_task(_write(client, f"s-{i}", written)) for i in range(_WRITERS)]
            enough = already + draw.randint(20, 400)
            async with asyncio.timeout(_WAIT_S):
                while len(written.acknowledged) < enough:
                    await asyncio.wait(writers, timeout=0.001, return_when=asyncio.FIRST_COMPLETED)
            process.kill()
            await asyncio.gather(*writers)
        print(f"round {round_}: {len(written.sent)} sent, {len(written.acknowledged)} acknowledged")
    async with _process(tmp_path) as (_, uri), AsyncKurrentDBClient(uri) as client:
        log = [event async for event in await client.read_all()]
    positions = {event.id: event.commit_position for event in log}
    assert len(positions) == len(log), "an event is there twice"
    assert {id: positions.get(id) for id in written.acknowledged} == written.acknowledged
    assert positions.keys() <= written.sent
    for i in range(_WRITERS):
        revisions = [event.stream_position for event in log if event.stream_name == f"s-{i}"]
        assert revisions == list(range(len(revisions)))


async def _write(client: AsyncKurrentDBClient, stream: str, written: Written) -> None:
    """Appends until the node is gone."""
    while True:
        event = NewEvent(type="t", data=os.urandom(300), content_type="application/octet-stream", id=uuid4())
        written.sent.add(event.id)
        try:
            position = await client.append_to_stream(stream, events=event, current_version=StreamState.ANY)
        except KurrentDBClientError:
            return
        written.acknowledged[event.id] = position
