"""An embedded event store that cannot serve says why in one sentence, and harms nothing."""

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from kurrentdbclient import AsyncKurrentDBClient, NewEvent, StreamState

from services.common.errors import Refused
from services.embedded.eventstore import EmbeddedEventStore

_EVENTS = 200


async def _filled(folder: Path) -> Path:
    """A folder whose store holds some events; the path of its file."""
    async with EmbeddedEventStore(folder) as node, AsyncKurrentDBClient(node.uri) as client:
        for i in range(4):
            events = [NewEvent(type="t", data=os.urandom(500)) for _ in range(_EVENTS // 4)]
            await client.append_to_stream(f"a-{i}", events=events, current_version=StreamState.NO_STREAM)
    return folder / "events.sqlite"


async def _refusal(folder: Path, port: int = 0) -> str:
    with pytest.raises(Refused) as refused:
        async with EmbeddedEventStore(folder, port):
            pass
    return refused.value.refusal.id


async def test_a_second_instance_on_the_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path) as node:
        assert await _refusal(tmp_path) == "EVS-01"
        async with AsyncKurrentDBClient(node.uri) as client:
            await client.append_to_stream("a-1", events=NewEvent(type="t", data=b""), current_version=StreamState.ANY)
    async with EmbeddedEventStore(tmp_path):
        pass


async def test_a_port_in_use_is_refused_and_the_folder_is_free_again(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path / "first") as node:
        assert await _refusal(tmp_path / "second", node.port) == "EVS-02"
        async with EmbeddedEventStore(tmp_path / "second"):
            pass


@pytest.mark.parametrize(("first_byte", "last_byte"), [(0, 16), (0, None), (20_000, 60_000)])
async def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, first_byte: int, last_byte: int | None
) -> None:
    file = await _filled(tmp_path)
    content = bytearray(file.read_bytes())
    span = slice(first_byte, last_byte or len(content))
    content[span] = b"\xa5" * len(content[span])
    file.write_bytes(content)
    assert await _refusal(tmp_path) == "EVS-03"
    assert file.read_bytes() == content


async def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    file = await _filled(tmp_path)
    content = file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(content)
    assert await _refusal(tmp_path) == "EVS-03"
    assert file.read_bytes() == content


@pytest.mark.parametrize("statement", ["CREATE TABLE note (text TEXT)", "PRAGMA user_version = 2"])
async def test_a_database_that_is_no_event_store_of_this_version_is_refused(tmp_path: Path, statement: str) -> None:
    file = await _filled(tmp_path) if "version" in statement else tmp_path / "events.sqlite"
    database = sqlite3.connect(file)
    database.execute(statement)
    database.close()
    content = file.read_bytes()
    assert await _refusal(tmp_path) == "EVS-04"
    assert file.read_bytes() == content


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert await _refusal(tmp_path / "file" / "folder") == "EVS-05"


async def test_the_process_ends_with_status_1_and_one_line(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path / "eventstore"):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services",
            "eventstore",
            env={**os.environ, "REGARD_DATA": str(tmp_path), "REGARD_EVENTSTORE_PORT": "0"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 1
    assert output == b""
    assert errors.decode().count("\n") == 1
    assert "EVS-01" in errors.decode()
