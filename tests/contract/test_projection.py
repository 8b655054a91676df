"""Whatever Kafka repeats, loses, reorders or expires, a view shows every event once and a reaction handles it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.protobuf.wrappers_pb2 import StringValue

from services.common import consistency
from services.common.check import Difference, check
from services.common.codec import Event
from services.common.database import BUSY
from services.common.errors import Refused
from services.common.ids import Position
from services.common.kafka import partition_of
from services.common.live import Behind
from services.common.projection import Projection, Reaction, positions, rebuild
from tests.contract.streaming import (
    CODEC,
    LINES,
    NOTES,
    PARTITIONS,
    QUICK,
    TOPIC,
    TOTALS,
    Stage,
    eventually,
    reduce_line,
    stage,
    view,
)
from tests.product import free_port

STREAMS = [f"note-{number}" for number in range(8)]


@pytest.fixture
async def notes(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as built:
        yield built


async def test_of_several_brokers_one_may_be_gone(notes: Stage) -> None:
    notes.kafka = replace(notes.kafka, bootstrap=f"127.0.0.1:{free_port()},{notes.kafka.bootstrap}")
    async with notes.running(view()), notes.relaying():
        await notes.write(STREAMS[0], "a")
        await eventually(notes.shows_everything)


async def test_events_go_through_relay_and_kafka_into_the_view(notes: Stage) -> None:
    projection = view()
    async with notes.running(projection), notes.relaying(), projection.committed.subscribe() as live:
        for stream in STREAMS:
            await notes.write(stream, "a", "b")
        await eventually(notes.shows_everything)
        heard: list[Event] = []
        while len(heard) < 2 * len(STREAMS):
            heard.extend(await anext(live))
    by_stream = {stream: [e.message.value for e in heard if e.stream == stream] for stream in STREAMS}  # type: ignore[attr-defined]
    assert by_stream == {stream: ["a", "b"] for stream in STREAMS}
    assert all(event.metadata["actor"] == "awa" for event in heard)


async def test_a_token_makes_a_read_wait_for_its_write(notes: Stage) -> None:
    projection = view()
    async with notes.running(projection), notes.relaying():
        for number in range(10):
            (recorded,) = await notes.write(STREAMS[number % 3], str(number))
            token = consistency.encode(TOPIC, recorded.stream, recorded.position)
            await projection.wait_for(token, deadline_s=60)
            assert (recorded.position, str(number)) in await notes.lines()


async def test_a_token_that_is_not_reached_is_stale(notes: Stage) -> None:
    projection = view()
    async with notes.running(projection):
        with pytest.raises(Refused) as refused:
            await projection.wait_for(consistency.encode(TOPIC, STREAMS[0], 10**6), deadline_s=0.05)
    assert refused.value.refusal is consistency.STALE


async def test_a_token_is_reached_by_another_process(notes: Stage) -> None:
    here, elsewhere = view(), view()
    async with notes.running(here):
        pass
    (recorded,) = await notes.write(STREAMS[0], "a")
    async with notes.running(elsewhere):
        await here.wait_for(consistency.encode(TOPIC, recorded.stream, recorded.position), deadline_s=60)


async def test_repeated_records_count_once(notes: Stage) -> None:
    async with notes.running(view()):
        for stream in STREAMS:
            await notes.write(stream, "a", "b")
        chain = await notes.chain()
        twice = [record for record in chain for _ in range(2)]
        await notes.send([*twice, *chain])
        await eventually(notes.shows_everything)
        last = await notes.write(STREAMS[0], "after")
        await notes.send([*chain, *(await notes.chain())])
        await eventually(notes.shows_everything)
    assert (last[0].position, "after") in await notes.lines()


async def test_dropped_records_are_read_from_the_event_store(notes: Stage) -> None:
    async with notes.running(view()):
        await notes.write(STREAMS[0], "a", "b", "c", "d")
        chain = await notes.chain()
        await notes.send([chain[0], chain[3]])
        await eventually(notes.shows_everything)


async def test_reordered_records_are_applied_in_order(notes: Stage) -> None:
    async with notes.running(view()):
        for stream in STREAMS:
            await notes.write(stream, "a", "b", "c")
        await notes.send(list(reversed(await notes.chain())))
        await eventually(notes.shows_everything)


async def test_kafka_that_starts_empty_is_made_good_at_the_start(notes: Stage) -> None:
    for number in range(1200):
        await notes.write(STREAMS[number % len(STREAMS)], "x")
    async with notes.running(view()):
        assert await notes.shows_everything()


async def test_records_that_never_come_are_found_when_it_is_quiet(notes: Stage) -> None:
    async with notes.running(view(), QUICK):
        await notes.write(STREAMS[0], "never sent")
        await eventually(notes.shows_everything)


async def test_expired_records_are_read_from_the_event_store(notes: Stage) -> None:
    async with notes.relaying():
        await notes.write(STREAMS[0], "a", "b", "c")
        await notes.records(3)
    notes.broker.expire(TOPIC, partition_of(STREAMS[0], PARTITIONS), 2)
    async with notes.running(view()), notes.relaying():
        await eventually(notes.shows_everything)
        await notes.write(STREAMS[0], "d")
        await eventually(notes.shows_everything)


async def test_what_the_store_has_forgotten_does_not_stop_the_view(notes: Stage) -> None:
    async with notes.running(view()):
        await notes.write(STREAMS[0], "a")
        ((recorded, _),) = await notes.chain()
        forgotten = replace(recorded, position=Position(50), id=uuid.uuid4())
        await notes.send([(recorded, 0), (forgotten, 49)])

        async def shown() -> bool:
            return [position for position, _ in await notes.lines()] == [1, 50]

        await eventually(shown)


async def test_what_is_no_event_is_passed_over_and_made_good(notes: Stage) -> None:
    async with notes.running(view()):
        await notes.write(STREAMS[0], "a", "b")
        chain = await notes.chain()
        partition = partition_of(STREAMS[0], PARTITIONS)
        async with notes.producer() as producer:
            await producer.send_and_wait(TOPIC, b"", key=b"k", partition=partition)
            await producer.send_and_wait(TOPIC, b"x", partition=partition, headers=[("ce_subject", b"\xff\xfe")])
        await notes.send([chain[1]])
        await eventually(notes.shows_everything)


async def test_an_event_that_cannot_be_applied_is_set_aside(notes: Stage) -> None:
    attempts = 0

    def reduce(event: Event) -> Sequence[sa.Executable]:
        nonlocal attempts
        if event.message == StringValue(value="poison"):
            attempts += 1
            raise ValueError("confidential")
        return reduce_line(event)

    async with notes.running(view(reduce)), notes.relaying():
        await notes.write(STREAMS[0], "a", "poison", "b")
        await notes.write(STREAMS[1], "c")

        async def all_but_one() -> bool:
            return [text for _, text in await notes.lines()] == ["a", "b", "c"]

        await eventually(all_but_one)
    assert await notes.failed() == [(2, 5, "ValueError")]
    assert attempts >= 5


async def test_an_event_that_passes_in_the_end_was_not_set_aside(notes: Stage) -> None:
    failures = iter(range(5))

    def reduce(event: Event) -> Sequence[sa.Executable]:
        if event.message == StringValue(value="difficult") and next(failures, None) is not None:
            raise ValueError
        return reduce_line(event)

    projection = view(reduce)
    await notes.write(STREAMS[0], "a", "difficult", "b")
    async with notes.running(projection):
        assert await notes.shows_everything()
    assert next(failures, None) is None
    checked = await check(projection, notes.database, notes.store, CODEC, event_files=[NOTES])
    assert checked.agrees


async def test_a_statement_that_cannot_be_carried_out_sets_only_its_event_aside(notes: Stage) -> None:
    def reduce(event: Event) -> Sequence[sa.Executable]:
        statements = reduce_line(event)
        impossible = sa.insert(LINES).values(position=event.position + 1000)
        return (*statements, impossible) if event.message == StringValue(value="impossible") else statements

    for number in range(30):
        await notes.write(STREAMS[number % 3], "impossible" if number == 13 else str(number))
    async with notes.running(view(reduce)):
        assert len(await notes.lines()) == 29
    assert [(position, attempts) for position, attempts, _ in await notes.failed()] == [(14, 5)]


async def test_broken_bytes_are_set_aside(notes: Stage) -> None:
    async with notes.running(view()):
        await notes.write(STREAMS[0], "a", "b", "c")
        chain = await notes.chain()
        broken = replace(chain[1][0], data=b"\xff")
        await notes.send([chain[0], (broken, chain[1][1]), chain[2]])

        async def others() -> bool:
            return [text for _, text in await notes.lines()] == ["a", "c"]

        await eventually(others)
    assert await notes.failed() == [(2, 5, "DecodeError")]


async def test_a_crash_between_commit_and_acknowledgement_repeats_without_harm(notes: Stage) -> None:
    projection = view()
    committed = asyncio.Event()

    def crash(_events: tuple[Event, ...]) -> None:
        committed.set()
        raise KeyboardInterrupt

    projection.committed.publish = crash  # type: ignore[assignment, method-assign]
    for stream in STREAMS[:2]:
        await notes.write(stream, "a", "b")
    runner = notes.runner(projection)
    chain = await notes.chain()
    await notes.database.create(positions.METADATA)
    await notes.database.create(projection.metadata)
    # As the process dies: the rows are committed, neither memory nor Kafka's offset has heard of it.
    with contextlib.suppress(KeyboardInterrupt):
        await runner.run()
    assert committed.is_set()
    await notes.send(chain)
    again = view()
    async with notes.running(again):
        assert await notes.shows_everything()
        (last,) = await notes.write(STREAMS[0], "after")
        await notes.send((await notes.chain())[-1:])
        await again.wait_for(consistency.encode(TOPIC, last.stream, last.position), deadline_s=60)
        assert await notes.shows_everything()


async def test_a_batch_that_fails_after_its_commit_comes_again_and_is_skipped(notes: Stage) -> None:
    projection = view()
    publish, failures = projection.committed.publish, iter([True])

    def fail_once(events: tuple[Event, ...]) -> None:
        if next(failures, False):
            raise RuntimeError
        publish(events)

    async with notes.running(projection), notes.relaying():
        projection.committed.publish = fail_once  # type: ignore[assignment, method-assign]
        await notes.write(STREAMS[0], "a", "b")
        await eventually(notes.shows_everything)
        (last,) = await notes.write(STREAMS[0], "c")
        await projection.wait_for(consistency.encode(TOPIC, last.stream, last.position), deadline_s=60)
        assert await notes.shows_everything()


async def test_two_processes_share_a_view(notes: Stage) -> None:
    async with notes.running(view(), QUICK), notes.running(view(), QUICK), notes.relaying():
        for number in range(60):
            await notes.write(STREAMS[number % len(STREAMS)], str(number))
        await eventually(notes.shows_everything)


async def test_a_database_that_is_away_is_waited_for(notes: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with notes.running(view()), notes.relaying():
        write, failures = notes.database.write, iter(range(8))

        async def away_for_a_while(work: Callable[[sa.Connection], object]) -> object:
            if next(failures, None) is not None:
                raise BUSY()
            return await write(work)

        monkeypatch.setattr(notes.database, "write", away_for_a_while)
        await notes.write(STREAMS[0], "a", "b")
        await eventually(notes.shows_everything)
    assert next(failures, None) is None
    assert await notes.failed() == []


async def test_a_listener_that_falls_behind_is_told(notes: Stage) -> None:
    projection = view()
    async with notes.running(projection), notes.relaying(), projection.committed.subscribe() as live:
        for _ in range(30):
            await notes.write(STREAMS[0], *["x"] * 50)
        await eventually(notes.shows_everything)
        async with asyncio.timeout(60):
            with pytest.raises(Behind):
                await anext(live)


class Handled:
    """A reaction that notes what it is called with."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refusing = 0
        self.reaction = Reaction("echo", (TOPIC,), self.handle)

    async def handle(self, event: Event) -> None:
        assert isinstance(event.message, StringValue)
        if event.message.value == "poison":
            raise ValueError
        if self.refusing > 0:
            self.refusing -= 1
            raise BUSY()
        self.texts.append(event.message.value)

    async def has(self, *texts: str) -> bool:
        return self.texts == list(texts)


async def test_a_reaction_starts_at_now(notes: Stage) -> None:
    handled = Handled()
    await notes.write(STREAMS[0], "before")
    async with notes.relaying():
        async with notes.running(handled.reaction, QUICK):
            await notes.write(STREAMS[0], "a")
            await eventually(lambda: handled.has("a"))
        await notes.write(STREAMS[0], "meanwhile")
        again = Handled()
        async with notes.running(again.reaction, QUICK):
            await eventually(lambda: again.has("meanwhile"))
    assert handled.texts == ["a"]


async def test_a_reaction_to_what_kafka_lost(notes: Stage) -> None:
    handled = Handled()
    async with notes.running(handled.reaction, QUICK):
        await notes.write(STREAMS[0], "never sent", "nor this")
        await eventually(lambda: handled.has("never sent", "nor this"))


async def test_a_reaction_waits_for_what_is_unavailable_and_sets_poison_aside(notes: Stage) -> None:
    handled = Handled()
    async with notes.running(handled.reaction), notes.relaying():
        handled.refusing = 6
        await notes.write(STREAMS[0], "a", "poison", "b")
        await eventually(lambda: handled.has("a", "b"))

        async def failed() -> bool:
            return await notes.failed() == [(2, 5, "ValueError")]

        await eventually(failed)


async def test_rebuilding_gives_the_same_rows_and_no_reaction(notes: Stage, tmp_path: Path) -> None:
    handled = Handled()
    async with notes.running(handled.reaction), notes.running(view()), notes.relaying():
        for number in range(40):
            await notes.write(STREAMS[number % len(STREAMS)], str(number))
        await eventually(notes.shows_everything)

        async def all_handled() -> bool:
            return len(handled.texts) == 40

        await eventually(all_handled)
    anew = Stage(tmp_path / "anew", notes.broker)
    anew.store = notes.store
    await rebuild(view(), notes.store, CODEC, anew.database, event_files=[NOTES])
    assert await anew.shows_everything()
    await notes.write(STREAMS[0], "later")
    await rebuild(view(), notes.store, CODEC, anew.database, event_files=[NOTES])
    assert await anew.shows_everything()
    await anew.close()
    assert len(handled.texts) == 40


async def test_comparing_finds_each_kind_of_difference_and_no_content(notes: Stage, tmp_path: Path) -> None:
    projection = view()
    async with notes.running(projection):
        pass
    for number in range(40):
        await notes.write(STREAMS[number % len(STREAMS)], "secret")
    async with notes.running(projection):
        pass
    await notes.write(STREAMS[0], "not yet in the view")
    compared = (projection, notes.database, notes.store, CODEC)
    assert (await check(*compared, event_files=[NOTES])).agrees
    async with notes.database.begin() as transaction:
        await transaction.execute(sa.delete(LINES).where(LINES.c.position == 3))
        await transaction.execute(sa.insert(LINES).values(position=99, stream="note-1", text="made up"))
        await transaction.execute(sa.update(TOTALS).where(TOTALS.c.stream == "note-2").values(lines=7))
    found = await check(*compared, event_files=[NOTES])
    assert list(found.differences) == [
        Difference("lines_v1", ("3",), "missing"),
        Difference("lines_v1", ("99",), "unexpected"),
        Difference("totals_v1", ("note-2",), "different"),
    ]


async def test_a_new_version_is_filled_beside_the_old_one(notes: Stage) -> None:
    metadata = sa.MetaData()
    lengths = sa.Table(
        "lines_v2", metadata, sa.Column("position", sa.Integer, primary_key=True), sa.Column("length", sa.Integer)
    )

    def reduce(event: Event) -> Sequence[sa.Executable]:
        assert isinstance(event.message, StringValue)
        return (sa.insert(lengths).values(position=event.position, length=len(event.message.value)),)

    async with notes.relaying(), notes.running(view()):
        await notes.write(STREAMS[0], "a", "bb")
        await eventually(notes.shows_everything)
        second = Projection("lines_v2", "notes", (TOPIC,), metadata, reduce)
        async with notes.running(second):
            (last,) = await notes.write(STREAMS[0], "ccc")
            await second.wait_for(consistency.encode(TOPIC, last.stream, last.position), deadline_s=60)
            async with notes.database.read() as connection:
                assert (await connection.scalars(sa.select(lengths.c.length))).all() == [1, 2, 3]
            await eventually(notes.shows_everything)


async def test_positions_and_rows_are_one_transaction(notes: Stage) -> None:
    """At every moment the view holds exactly the events up to its positions."""
    async with notes.running(view()), notes.relaying():
        for number in range(40):
            await notes.write(STREAMS[0], str(number))
            async with notes.database.read() as connection:
                reached = await connection.scalar(sa.select(sa.func.max(positions.POSITIONS.c.position)))
                shown = (await connection.scalars(sa.select(LINES.c.position).order_by(LINES.c.position))).all()
            assert shown == [recorded.position for recorded in await notes.log() if recorded.position <= (reached or 0)]
        await eventually(notes.shows_everything)


async def test_a_runner_ends_whenever_it_is_told_to(notes: Stage) -> None:
    for moment in range(24):
        async with asyncio.timeout(60), notes.running(view()):
            for _ in range(7 * moment):
                await asyncio.sleep(0)
