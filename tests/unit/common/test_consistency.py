"""Consistency tokens: what is encoded is decoded, and nothing else is accepted."""

import asyncio
import base64
import contextlib

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from services.common import consistency
from services.common.contracts import EventFile
from services.common.errors import Kind, Refused
from services.common.ids import Position
from services.common.projection import Partition, Progress, Topics

NOTES = EventFile("notes", "regard.notes.events", 4, ("note",), (StringValue,))
PLANS = EventFile("plans", "regard.plans.events", 4, ("plan",), (StringValue,))


def progress() -> Progress:
    async def nobody_else() -> dict[Partition, Position]:
        return {}

    attached = Progress()
    attached.attach(Topics([NOTES.topic], [NOTES, PLANS]), nobody_else)
    return attached


def partition(stream: str) -> Partition:
    found = Topics([NOTES.topic], [NOTES]).partition(stream)
    assert found
    return found


@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=60), st.integers(1, 2**62))))
def test_what_is_joined_is_decoded(tokens: list[tuple[str, str, int]]) -> None:
    header = ",".join(consistency.encode(*token) for token in tokens[:32])
    assert [(t.topic, t.stream, t.position) for t in consistency.decode(header)] == tokens[:32]


@given(st.text())
def test_any_text_is_decoded_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert all(token.position > 0 for token in consistency.decode(text))


@pytest.mark.parametrize(
    "header",
    [
        "not base64!",
        "AAAA",
        base64.urlsafe_b64encode(b"\x0a\xff").decode(),
        consistency.encode("t", "s", 0),
        consistency.encode("", "s", 1),
        consistency.encode("t", "", 1),
        consistency.encode("t", "s", -5),
        consistency.encode("t", "s" * 600, 1),
        ",".join([consistency.encode("t", "s", 1)] * 33),
        consistency.encode("t", "s", 1) + ",garbage",
    ],
)
def test_what_regard_never_gave_is_refused(header: str) -> None:
    with pytest.raises(Refused) as refused:
        consistency.decode(header)
    assert refused.value.refusal is consistency.MALFORMED_TOKEN
    assert refused.value.refusal.kind is Kind.INVALID_ARGUMENT


@pytest.mark.parametrize("header", ["", " ", ",,"])
def test_no_token_asks_for_nothing(header: str) -> None:
    assert consistency.decode(header) == ()


def test_the_latest_position_of_each_partition_is_wanted() -> None:
    tokens = [(NOTES.topic, "note-1", 7), (NOTES.topic, "note-1", 9), (NOTES.topic, "note-1", 8)]
    decoded = consistency.decode(",".join(consistency.encode(*token) for token in tokens))
    assert consistency.wanted(decoded, progress()) == {partition("note-1"): 9}


@pytest.mark.parametrize(
    ("topic", "stream"),
    [(PLANS.topic, "plan-1"), ("made.up", "note-1"), (NOTES.topic, "plan-1"), (PLANS.topic, "note-1")],
)
async def test_tokens_of_other_topics_are_ignored(topic: str, stream: str) -> None:
    await consistency.wait_for(consistency.encode(topic, stream, 10**6), progress(), deadline_s=0)


async def test_waiting_ends_when_every_partition_is_reached() -> None:
    reached = progress()
    streams = ["note-1", "note-2", "note-3"]
    assert len({partition(stream) for stream in streams}) > 1
    header = ", ".join(consistency.encode(NOTES.topic, stream, 5) for stream in streams)
    waiting = asyncio.ensure_future(consistency.wait_for(header, reached, deadline_s=60))
    for stream in streams:
        await asyncio.sleep(0)
        assert not waiting.done()
        await reached.advance({partition(stream): Position(5)})
    await waiting


async def test_a_position_never_goes_back() -> None:
    reached = progress()
    await reached.advance({partition("note-1"): Position(5)})
    await reached.advance({partition("note-1"): Position(3)})
    await consistency.wait_for(consistency.encode(NOTES.topic, "note-1", 5), reached, deadline_s=0.001)


async def test_what_is_not_reached_in_time_is_stale() -> None:
    with pytest.raises(Refused) as refused:
        await consistency.wait_for(consistency.encode(NOTES.topic, "note-1", 5), progress(), deadline_s=0.001)
    assert refused.value.refusal is consistency.STALE
    assert refused.value.refusal.kind is Kind.UNAVAILABLE


async def test_a_projection_that_does_not_run_here_is_asked_nothing() -> None:
    await consistency.wait_for(consistency.encode(NOTES.topic, "note-1", 5), Progress(), deadline_s=0)
