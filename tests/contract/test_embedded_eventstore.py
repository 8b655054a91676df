"""The embedded event store answers as a genuine node does, and keeps what it acknowledges.

With REGARD_EVENTSTORE_URI set, the recorded scenarios are played against the node found there.
"""

import asyncio
import importlib.util
import json
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from uuid import UUID, uuid4

import grpc
import pytest
from kurrentdbclient import AsyncKurrentDBClient, NewEvent, RecordedEvent, StreamState
from kurrentdbclient.exceptions import (
    KurrentDBClientError,
    MaximumAppendSizeExceededError,
    NotFoundError,
    StreamIsDeletedError,
    UnknownError,
    WrongCurrentVersionError,
)
from kurrentdbclient.protos.v1 import streams_pb2, streams_pb2_grpc

from services.embedded.eventstore import EmbeddedEventStore, database, journal

_RECORD = Path(__file__).parent / "eventstore"
_WAIT_S = 60.0
NO_STREAM, ANY, EXISTS = StreamState.NO_STREAM, StreamState.ANY, StreamState.EXISTS


def _conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", _RECORD / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


conformance = _conformance()
recorded = json.loads((_RECORD / "eventstoredb-24.6.json").read_text(encoding="utf-8"))


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[EmbeddedEventStore]:
    async with EmbeddedEventStore(tmp_path) as node:
        yield node


@pytest.fixture
async def client(node: EmbeddedEventStore) -> AsyncIterator[AsyncKurrentDBClient]:
    async with AsyncKurrentDBClient(node.uri) as client:
        yield client


def event(data: bytes = b"", *, type: str = "t", id: UUID | None = None) -> NewEvent:
    return NewEvent(type=type, data=data, content_type="application/octet-stream", id=id or uuid4())


def _stub(channel: grpc.aio.Channel) -> streams_pb2_grpc.StreamsStub:
    return streams_pb2_grpc.StreamsStub(channel)  # type: ignore[no-untyped-call]


async def all_events(client: AsyncKurrentDBClient, **options: object) -> list[RecordedEvent]:
    return [event async for event in await client.read_all(**options)]  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ as a genuine node does


@pytest.mark.parametrize("scenario", conformance.SCENARIOS)
async def test_answers_as_a_genuine_node(scenario: str, tmp_path: Path) -> None:
    async with _target(tmp_path) as uri:
        notes = await conformance.run(uri, [scenario])
    assert conformance.lines(json.loads(json.dumps(notes[scenario]))) == conformance.lines(recorded[scenario])


def test_every_recorded_scenario_is_played() -> None:
    assert set(conformance.SCENARIOS) == set(recorded)


@asynccontextmanager
async def _target(folder: Path) -> AsyncIterator[str]:
    if uri := os.environ.get("REGARD_EVENTSTORE_URI"):
        yield uri
        return
    async with EmbeddedEventStore(folder) as node:
        yield node.uri


async def test_is_found_by_discovery(node: EmbeddedEventStore) -> None:
    async with AsyncKurrentDBClient(f"kurrentdb+discover://127.0.0.1:{node.port}?Tls=false") as client:
        await client.append_to_stream("a-1", events=event(), current_version=NO_STREAM)
        assert await client.get_current_version("a-1") == 0


async def test_an_append_over_a_megabyte_is_refused_and_leaves_nothing(client: AsyncKurrentDBClient) -> None:
    with pytest.raises(MaximumAppendSizeExceededError):
        await client.append_to_stream("a-1", events=event(b"x" * 1024 * 1025), current_version=NO_STREAM)
    with pytest.raises(NotFoundError):
        await client.get_stream("a-1")
    await client.append_to_stream("a-1", events=event(b"x" * 1024 * 1024), current_version=NO_STREAM)


async def test_exists_on_a_deleted_stream_is_refused_and_metadata_survive_deletion(
    client: AsyncKurrentDBClient,
) -> None:
    await client.append_to_stream("a-1", events=[event(), event()], current_version=NO_STREAM)
    await client.set_stream_metadata("a-1", metadata={"$maxCount": 1, "note": "kept"})
    await client.delete_stream("a-1", current_version=1)
    with pytest.raises(StreamIsDeletedError):
        await client.append_to_stream("a-1", events=event(), current_version=EXISTS)
    await client.append_to_stream("a-1", events=[event(), event()], current_version=ANY)
    metadata, _ = await client.get_stream_metadata("a-1")
    assert metadata == {"$maxCount": 1, "note": "kept", "$tb": 2}
    assert [e.stream_position for e in await client.get_stream("a-1")] == [3]


async def test_a_tombstone_ends_a_subscription_to_the_stream(client: AsyncKurrentDBClient) -> None:
    await client.append_to_stream("a-1", events=event(), current_version=NO_STREAM)
    subscription = await client.subscribe_to_stream("a-1")
    assert (await anext(subscription)).stream_position == 0
    await client.tombstone_stream("a-1", current_version=0)
    with pytest.raises(StreamIsDeletedError):
        await asyncio.wait_for(anext(subscription), _WAIT_S)


async def test_a_rare_event_is_found_in_both_directions(client: AsyncKurrentDBClient) -> None:
    """Further away than one page looks, so that pages without any match are passed over."""
    rare = await client.append_to_stream("rare-1", events=event(), current_version=NO_STREAM)
    for _ in range(12):
        await client.append_to_stream("noise-1", events=[event() for _ in range(800)], current_version=ANY)
    rarer = await client.append_to_stream("rare-2", events=event(), current_version=NO_STREAM)
    by_prefix = {"filter_include": ["rare-"], "filter_by_stream_name": True, "filter_by_prefix": True}
    assert [e.commit_position for e in await all_events(client, **by_prefix)] == [rare, rarer]
    backwards = await all_events(client, backwards=True, **by_prefix)
    assert [e.commit_position for e in backwards] == [rarer, rare]
    before = await all_events(client, backwards=True, limit=1, commit_position=rarer, **by_prefix)
    assert [e.commit_position for e in before] == [rare]


# ------------------------------------------------------------------------- what is acknowledged is kept


async def test_concurrent_appends_leave_a_gapless_log_with_each_acknowledged_event_once(
    client: AsyncKurrentDBClient,
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    streams = [f"s-{i}" for i in range(4)]
    acknowledged: dict[UUID, int] = {}  # id of an append's last event -> position
    sizes: dict[UUID, int] = {}
    refused: set[UUID] = set()

    async def writer() -> None:
        for _ in range(25):
            stream, count = draw.choice(streams), draw.randint(1, 3)
            events = [event(bytes([i])) for i in range(count)]
            expected = draw.choice([ANY, ANY, NO_STREAM, EXISTS, draw.randrange(60), await _version(client, stream)])
            append = partial(client.append_to_stream, stream, events=events, current_version=expected)
            try:
                position = await append()
            except WrongCurrentVersionError:
                refused.update(e.id for e in events)
                continue
            acknowledged[events[-1].id], sizes[events[-1].id] = position, count
            if draw.random() < 0.3 and expected != EXISTS:
                assert await append() == position

    await asyncio.gather(*(writer() for _ in range(12)))
    log = await all_events(client)
    assert all(a.commit_position < b.commit_position for a, b in pairwise(log))
    for stream in streams:
        revisions = [e.stream_position for e in log if e.stream_name == stream]
        assert revisions == list(range(len(revisions)))
    positions = {e.id: e.commit_position for e in log}
    assert len(positions) == len(log) == sum(sizes.values())
    assert {id: positions[id] for id in acknowledged} == acknowledged
    assert not refused & positions.keys()
    assert refused, "some appends are meant to be refused"


async def _version(client: AsyncKurrentDBClient, stream: str) -> int | StreamState:
    return await client.get_current_version(stream)


async def test_a_repeated_append_at_any_is_recognised_after_a_restart(tmp_path: Path) -> None:
    events = [event(b"1"), event(b"2")]
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        position = await client.append_to_stream("a-1", events=events, current_version=ANY)
        await client.append_to_stream("a-1", events=event(b"3"), current_version=ANY)
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        assert await client.append_to_stream("a-1", events=events, current_version=ANY) == position
        assert [e.data for e in await client.get_stream("a-1")] == [b"1", b"2", b"3"]
        assert await client.append_to_stream("a-1", events=event(), current_version=2) > position + 1


# ------------------------------------------------------------------------------------- following the log


async def test_a_slow_client_gets_every_event_once_and_is_told_that_it_fell_behind(
    node: EmbeddedEventStore, client: AsyncKurrentDBClient
) -> None:
    """More is committed than the node keeps in memory for followers, while the client reads nothing."""
    options = streams_pb2.ReadReq.Options()
    options.all.start.SetInParent()
    options.subscription.SetInParent()
    options.uuid_option.string.SetInParent()
    options.no_filter.SetInParent()
    still = [("grpc.http2.bdp_probe", 0)]  # else gRPC may take all of it in before anybody reads
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}", options=still) as channel:
        call = _stub(channel).Read(streams_pb2.ReadReq(options=options))
        kinds = [(await call.read()).WhichOneof("content") for _ in range(2)]
        assert kinds == ["confirmation", "caught_up"]
        for _ in range(60):
            await client.append_to_stream("a-1", events=[event(b"x" * 2000) for _ in range(200)], current_version=ANY)
        revisions: list[int] = []
        async with asyncio.timeout(60):
            while len(revisions) < 12_000 or kinds[-1] != "caught_up":
                answer = await call.read()
                kinds.append(answer.WhichOneof("content"))
                if kinds[-1] == "event":
                    revisions.append(answer.event.event.stream_revision)
        call.cancel()
    assert revisions == list(range(12_000))
    assert "fell_behind" in kinds


async def test_a_subscription_ends_with_the_node_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        subscription = await client.subscribe_to_all(filter_include=["t"], filter_by_prefix=True)
        await client.append_to_stream("a-1", events=[event(b"0"), event(b"1")], current_version=ANY)
        seen = [await anext(subscription), await anext(subscription)]
        await client.append_to_stream("a-1", events=event(b"2"), current_version=ANY)
    seen += await _rest(subscription)
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        subscription = await client.subscribe_to_all(
            commit_position=seen[-1].commit_position, filter_include=["t"], filter_by_prefix=True
        )
        await client.append_to_stream("a-1", events=event(b"3"), current_version=ANY)
        while len(seen) < 4:
            seen.append(await asyncio.wait_for(anext(subscription), _WAIT_S))
        await subscription.stop()
    assert [e.data for e in seen] == [b"0", b"1", b"2", b"3"]


async def _rest(subscription: AsyncIterator[RecordedEvent]) -> list[RecordedEvent]:
    """What is still to come of a subscription whose node is gone."""
    events = []
    try:
        async with asyncio.timeout(_WAIT_S):
            async for event in subscription:
                events.append(event)  # noqa: PERF401 - what came before the end is kept
    except KurrentDBClientError:
        pass
    return events


async def test_leaving_does_not_wait_for_idle_calls(tmp_path: Path) -> None:
    async with EmbeddedEventStore(tmp_path) as node:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{node.port}")
        idle = _stub(channel).BatchAppend()
        await idle.write(conformance.batch(conformance.Bench(None, "", ""), "a-1", "e0"))
        assert (await idle.read()).HasField("success")
    async with asyncio.timeout(_WAIT_S):
        assert "EVS-09" in await idle.details()
    await channel.close()


# --------------------------------------------------------------------------------------------- a full disk


async def test_a_full_disk_refuses_appends_harms_nothing_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_pages = _limited_file(monkeypatch)
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        set_pages(200)
        kept, last = await _append_until_full(client, "a-1")
        assert kept
        assert [e.id for e in await client.get_stream("a-1")] == [e.id for e in kept]
        await client.append_to_stream("a-2", events=event(), current_version=NO_STREAM)
        with pytest.raises(KurrentDBClientError, match="EVS-06"):
            await _delete_until_full(client, "a-2")
        set_pages(100_000)
        await client.append_to_stream("a-1", events=last, current_version=len(kept) - 1)
    async with EmbeddedEventStore(tmp_path) as node, AsyncKurrentDBClient(node.uri) as client:
        assert [e.id for e in await client.get_stream("a-1")] == [e.id for e in (*kept, last)]


async def _append_until_full(client: AsyncKurrentDBClient, stream: str) -> tuple[list[NewEvent], NewEvent]:
    """What was taken, and what was not."""
    kept: list[NewEvent] = []
    while True:
        last = event(os.urandom(50_000))
        try:
            await client.append_to_stream(stream, events=last, current_version=ANY)
        except UnknownError:
            return kept, last
        kept.append(last)


async def _delete_until_full(client: AsyncKurrentDBClient, stream: str) -> None:
    for _ in range(1000):  # each writes a little more
        await client.delete_stream(stream, current_version=ANY)


def _limited_file(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A file that cannot grow beyond the pages last set: to SQLite the same as a full disk."""
    connections: list[sqlite3.Connection] = []

    def open_writer(file: Path) -> sqlite3.Connection:
        connections.append(database.open_writer(file))
        return connections[-1]

    def set_pages(pages: int) -> None:
        connections[-1].execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(journal, "open_writer", open_writer)
    return set_pages
