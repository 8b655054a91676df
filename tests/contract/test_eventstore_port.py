"""One suite for every event store: the twin in memory, the embedded one from within, and a node.

The node is the one at REGARD_EVENTSTORE_URI, or the embedded one from outside.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.common.clock import system_clock
from services.common.eventstore import (
    EventStore,
    ExpectedState,
    KurrentEventStore,
    MemoryEventStore,
    NewEvent,
    Recorded,
    StoreUnavailable,
    Subscription,
    WrongRevision,
)
from services.embedded.eventstore import EmbeddedEventStore
from tests.node import part_of, with_tls
from tests.parts import given_node

NO_STREAM, ANY, EXISTS = ExpectedState.NO_STREAM, ExpectedState.ANY, ExpectedState.EXISTS
DEADLINE_S = 60


@pytest.fixture(params=["memory", "direct", "node", "tls", "part"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    async with AsyncExitStack() as stack:
        opened: EventStore
        if request.param == "memory":
            opened = MemoryEventStore(system_clock)
        elif request.param == "direct":
            node = await stack.enter_async_context(EmbeddedEventStore(tmp_path))
            opened = node.direct
        else:
            uri = given_node() or (await stack.enter_async_context(EmbeddedEventStore(tmp_path))).uri
            if request.param == "tls":
                uri = await stack.enter_async_context(with_tls(uri, tmp_path))
            elif request.param == "part":
                uri = await stack.enter_async_context(part_of(uri))
            opened = KurrentEventStore(uri)
        stack.push_async_callback(opened.close)
        yield opened


@pytest.fixture
def category() -> str:
    """Streams of this test alone, on a node that others may use too."""
    return f"t{uuid.uuid4().hex[:12]}"


def event(label: str, data: bytes | None = None, **metadata: str) -> NewEvent:
    return NewEvent(label, label.encode() if data is None else data, metadata, uuid.uuid5(uuid.NAMESPACE_OID, label))


def events(labels: str) -> list[NewEvent]:
    return [event(label) for label in labels.split()]


def labels(recorded: list[Recorded] | tuple[Recorded, ...]) -> str:
    return " ".join(one.type for one in recorded)


async def everything(store: EventStore, *prefixes: str, after: int = 0, limit: int | None = None) -> list[Recorded]:
    return [one async for one in store.read_all(after=after, prefixes=prefixes, limit=limit)]


async def take(subscription: Subscription, count: int) -> list[Recorded]:
    async with asyncio.timeout(DEADLINE_S):
        return [await anext(subscription) for _ in range(count)]


async def test_what_was_appended_is_loaded(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    sent = event("a", b"\x00\xff", actor="é", command_id="1")
    position = await store.append(stream, [sent], NO_STREAM)
    history = await store.load(stream)
    assert (history.stream, history.revision, history.position) == (stream, 0, position)
    (one,) = history.events
    assert (one.stream, one.revision, one.position, one.id) == (stream, 0, position, sent.id)
    assert (one.type, one.data, dict(one.metadata)) == ("a", b"\x00\xff", {"actor": "é", "command_id": "1"})
    assert one.recorded_at.utcoffset() is not None
    assert abs((system_clock() - one.recorded_at).total_seconds()) < 3600


async def test_an_event_may_be_empty(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", [event("a", b"")], NO_STREAM)
    (one,) = (await store.load(f"{category}-1")).events
    assert (one.data, dict(one.metadata)) == (b"", {})


async def test_a_missing_stream_is_an_empty_history(store: EventStore, category: str) -> None:
    history = await store.load(f"{category}-1")
    assert (history.events, history.revision, history.position, history.expected) == ((), -1, 0, NO_STREAM)


async def test_events_after_a_revision(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    position = await store.append(stream, events("a b c"), NO_STREAM)
    history = await store.load(stream, after=0)
    assert (labels(history.events), history.revision, history.position) == ("b c", 2, position)
    nothing = await store.load(stream, after=2)
    assert (nothing.events, nothing.revision, nothing.expected) == ((), 2, 2)


async def test_positions_grow_within_an_append_and_over_streams(store: EventStore, category: str) -> None:
    first = await store.append(f"{category}-1", events("a b"), NO_STREAM)
    second = await store.append(f"{category}-2", events("c"), NO_STREAM)
    a, b = (await store.load(f"{category}-1")).events
    assert 0 < a.position < b.position == first < second


async def test_an_append_needs_an_event(store: EventStore, category: str) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await store.append(f"{category}-1", [], ANY)


async def test_appends_at_the_revision_read(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a"), NO_STREAM)
    await store.append(stream, events("b c"), 0)
    await store.append(stream, events("d"), (await store.load(stream)).expected)
    assert labels((await store.load(stream)).events) == "a b c d"


@pytest.mark.parametrize(
    ("expected", "actual", "past"),
    [
        (NO_STREAM, 1, "a b"),
        (0, 1, "a b"),
        (2, 1, "a b"),
        (0, -1, ""),
        (EXISTS, -1, ""),
    ],
)
async def test_another_revision_refuses(
    store: EventStore, category: str, expected: int | ExpectedState, actual: int, past: str
) -> None:
    stream = f"{category}-1"
    if past:
        await store.append(stream, events(past), NO_STREAM)
    with pytest.raises(WrongRevision) as wrong:
        await store.append(stream, events("x"), expected)
    assert (wrong.value.actual, wrong.value.expected) == (actual, expected)
    assert labels((await store.load(stream)).events) == past


async def test_any_and_exists_append_at_the_end(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a"), ANY)
    await store.append(stream, events("b"), EXISTS)
    await store.append(stream, events("c"), ANY)
    assert labels((await store.load(stream)).events) == "a b c"


@pytest.mark.parametrize(("expected", "repeated"), [(NO_STREAM, "a b"), (0, "b c"), (1, "c"), (NO_STREAM, "a")])
async def test_a_repetition_at_an_older_revision_gives_the_original_position(
    store: EventStore, category: str, expected: int | ExpectedState, repeated: str
) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a b c"), NO_STREAM)
    before = {one.type: one.position for one in (await store.load(stream)).events}
    position = await store.append(stream, events(repeated), expected)
    assert position == before[repeated.split()[-1]]
    assert labels((await store.load(stream)).events) == "a b c"


@pytest.mark.parametrize("almost", ["a x", "b a", "a b c d"])
async def test_what_is_only_partly_a_repetition_is_refused(store: EventStore, category: str, almost: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a b c"), NO_STREAM)
    with pytest.raises(WrongRevision):
        await store.append(stream, events(almost), NO_STREAM)
    assert labels((await store.load(stream)).events) == "a b c"


async def test_a_repetition_at_the_current_revision_is_not_recognised(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a"), NO_STREAM)
    await store.append(stream, events("a"), 0)
    assert labels((await store.load(stream)).events) == "a a"


@pytest.mark.parametrize("expected", [ANY, EXISTS])
@pytest.mark.parametrize("repeated", ["a b", "b a", "b"])
async def test_a_repetition_at_any_revision_is_recognised(
    store: EventStore, category: str, expected: ExpectedState, repeated: str
) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a b"), ANY)
    await store.append(stream, events("c"), ANY)
    await store.append(stream, events(repeated), expected)
    assert labels((await store.load(stream)).events) == "a b c"


async def test_ids_are_unique_per_place_only(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a a"), NO_STREAM)
    await store.append(f"{category}-2", events("a"), NO_STREAM)
    assert labels((await store.load(f"{category}-1")).events) == "a a"
    assert labels((await store.load(f"{category}-2")).events) == "a"


async def test_of_those_who_append_at_one_revision_one_wins(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("start"), NO_STREAM)
    outcomes = await asyncio.gather(
        *(store.append(stream, events(f"e{i}"), 0) for i in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, WrongRevision) for outcome in outcomes) == 19
    assert len((await store.load(stream)).events) == 2


async def test_many_appends_at_once_each_get_their_own_answer(store: EventStore, category: str) -> None:
    streams = [f"{category}-{i % 20}" for i in range(300)]
    positions = await asyncio.gather(*(store.append(stream, events(f"e{i}"), ANY) for i, stream in enumerate(streams)))
    found = {one.type: one.position for one in await everything(store, f"{category}-")}
    assert found == {f"e{i}": position for i, position in enumerate(positions)}


async def test_a_cancelled_append_disturbs_no_other(store: EventStore, category: str) -> None:
    tasks = [asyncio.create_task(store.append(f"{category}-{i}", events("a"), NO_STREAM)) for i in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, int) for outcome in outcomes[1::2])
    assert await store.append(f"{category}-last", events("a"), NO_STREAM) > 0


async def test_the_log_in_order_by_prefix(store: EventStore, category: str) -> None:
    for stream, label in [("user-1", "a"), ("group-1", "b"), ("other-user-1", "c"), ("user-2", "d"), ("user-1", "e")]:
        await store.append(f"{category}{stream}", events(label), ANY)
    assert labels(await everything(store, f"{category}user-")) == "a d e"
    assert labels(await everything(store, f"{category}user-", f"{category}group-")) == "a b d e"
    assert labels(await everything(store, f"{category}nobody-")) == ""
    found = [one.position for one in await everything(store, category)]
    assert found == sorted(set(found))


async def test_a_prefix_is_no_pattern(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a"), ANY)
    assert await everything(store, f"{category}.") == []
    assert await everything(store, category[1:]) == []


async def test_the_log_after_a_position_and_up_to_a_limit(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a b c d"), NO_STREAM)
    a, b, *_, d = (await store.load(f"{category}-1")).events
    assert labels(await everything(store, f"{category}-", after=b.position)) == "c d"
    assert labels(await everything(store, f"{category}-", after=a.position, limit=2)) == "b c"
    assert labels(await everything(store, f"{category}-", limit=1)) == "a"
    assert labels(await everything(store, f"{category}-", limit=9)) == "a b c d"
    assert await everything(store, f"{category}-", after=d.position) == []


async def test_a_limit_counts_only_what_passes_the_filter(store: EventStore, category: str) -> None:
    """The position to start after may be of an event that the filter leaves out."""
    await store.append(f"{category}skip-1", events("x"), NO_STREAM)
    skipped = (await store.load(f"{category}skip-1")).position
    await store.append(f"{category}-1", events("a b c"), NO_STREAM)
    assert labels(await everything(store, f"{category}-", after=skipped, limit=2)) == "a b"


async def test_the_log_is_read_whole_however_long(store: EventStore, category: str) -> None:
    for i in range(4):
        await store.append(f"{category}-{i}", [event(f"e{i}.{j}") for j in range(700)], NO_STREAM)
    found = await everything(store, f"{category}-")
    assert [one.type for one in found] == [f"e{i}.{j}" for i in range(4) for j in range(700)]


async def test_the_head_is_the_last_event_with_the_prefix(store: EventStore, category: str) -> None:
    assert await store.head((f"{category}-",)) == 0
    await store.append(f"{category}-1", events("a b"), NO_STREAM)
    last = await store.append(f"{category}-2", events("c"), NO_STREAM)
    await store.append(f"{category}other-1", events("d"), NO_STREAM)
    assert await store.head((f"{category}-",)) == last


async def test_a_read_of_the_log_names_prefixes(store: EventStore) -> None:
    reads: list[Callable[[], object]] = [
        lambda: everything(store),
        lambda: everything(store, ""),
        lambda: store.head(()),
    ]
    for read in reads:
        with pytest.raises(ValueError, match="prefixes"):
            await read()  # type: ignore[misc]
    with pytest.raises(ValueError, match="prefixes"):
        store.subscribe(after=0, prefixes=())


async def test_a_subscription_catches_up_and_goes_on(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a b"), NO_STREAM)
    subscription = store.subscribe(after=0, prefixes=(f"{category}-",))
    assert labels(await take(subscription, 2)) == "a b"
    waiting = asyncio.create_task(take(subscription, 2))
    await store.append(f"{category}other-1", events("x"), NO_STREAM)
    await store.append(f"{category}-2", events("c"), NO_STREAM)
    await store.append(f"{category}-1", events("d"), 1)
    assert labels(await waiting) == "c d"
    await subscription.aclose()


async def test_a_subscription_starts_after_its_position(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a b c"), NO_STREAM)
    a, b, _ = (await store.load(f"{category}-1")).events
    subscription = store.subscribe(after=a.position, prefixes=(f"{category}-",))
    (next_one,) = await take(subscription, 1)
    assert next_one == b
    await subscription.aclose()


async def test_a_subscription_from_the_head_shows_only_what_follows(store: EventStore, category: str) -> None:
    position = await store.append(f"{category}-1", events("a"), NO_STREAM)
    subscription = store.subscribe(after=position, prefixes=(f"{category}-",))
    waiting = asyncio.create_task(take(subscription, 1))
    await store.append(f"{category}-1", events("b"), 0)
    assert labels(await waiting) == "b"
    await subscription.aclose()


async def test_every_subscriber_gets_every_event_while_others_append(store: EventStore, category: str) -> None:
    subscriptions = [store.subscribe(after=0, prefixes=(f"{category}-",)) for _ in range(5)]
    waiting = [asyncio.create_task(take(subscription, 200)) for subscription in subscriptions]
    await asyncio.gather(*(store.append(f"{category}-{i % 7}", events(f"e{i}"), ANY) for i in range(200)))
    expected = [one.position for one in await everything(store, f"{category}-")]
    for task, subscription in zip(waiting, subscriptions, strict=True):
        assert [one.position for one in await task] == expected
        await subscription.aclose()


async def test_a_cancelled_subscription_raises_afterwards_and_never_just_ends(store: EventStore, category: str) -> None:
    subscription = store.subscribe(after=0, prefixes=(f"{category}-",))
    await store.append(f"{category}-1", events("a"), NO_STREAM)
    await take(subscription, 1)
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(StoreUnavailable):
        await anext(subscription)


async def test_closing_ends_subscriptions_by_an_error(store: EventStore, category: str) -> None:
    subscription = store.subscribe(after=0, prefixes=(f"{category}-",))
    await store.append(f"{category}-1", events("a"), NO_STREAM)
    await take(subscription, 1)
    waiting = asyncio.create_task(take(subscription, 1))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_closed_store_answers_nothing(store: EventStore, category: str) -> None:
    await store.append(f"{category}-1", events("a"), NO_STREAM)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.load(f"{category}-1")
    with pytest.raises(StoreUnavailable):
        await store.append(f"{category}-1", events("b"), ANY)
    with pytest.raises(StoreUnavailable):
        await everything(store, f"{category}-")
    with pytest.raises(StoreUnavailable):
        await store.head((f"{category}-",))


async def test_retention_by_count_hides_events_from_the_stream_alone(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.set_retention(stream, max_count=1)
    await store.append(stream, events("a b"), NO_STREAM)
    await store.append(stream, events("c"), 1)
    history = await store.load(stream)
    assert (labels(history.events), history.revision) == ("c", 2)
    assert labels(await everything(store, f"{category}-")) == "a b c"


async def test_retention_by_age_hides_old_events(store: EventStore, category: str) -> None:
    stream = f"{category}-1"
    await store.append(stream, events("a"), NO_STREAM)
    await store.set_retention(stream, max_age_s=1)
    async with asyncio.timeout(DEADLINE_S):
        while (await store.load(stream)).events:
            await asyncio.sleep(0.05)
    assert labels(await everything(store, f"{category}-")) == "a"
