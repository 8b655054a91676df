"""Cursors: opaque, and moving forward only."""

import pytest
from hypothesis import given, strategies

from services.chat.cursor import PARTITIONS, Cursor
from services.common import paging
from services.common.errors import Refused
from services.common.kafka import partition_of

POSITIONS = strategies.lists(strategies.integers(0, 2**63 - 1), min_size=PARTITIONS, max_size=PARTITIONS)


@given(POSITIONS)
def test_a_cursor_comes_back_as_it_was(positions: list[int]) -> None:
    decoded = Cursor.decode(Cursor(list(positions)).encode())
    assert decoded is not None
    assert decoded.encode() == paging.encode(tuple(positions))


def test_no_cursor_is_none() -> None:
    assert Cursor.decode("") is None


@pytest.mark.parametrize(
    "token",
    [
        "?",
        "\N{SNOWMAN}",
        "A",
        "bnVsbA",
        "MQ",
        paging.encode(()),
        paging.encode((0,) * (PARTITIONS - 1)),
        paging.encode((0,) * (PARTITIONS + 1)),
        paging.encode(("0",) * PARTITIONS),
        paging.encode((2**63,) * PARTITIONS),
        paging.encode((-(2**63) - 1,) * PARTITIONS),
        paging.encode((True,) * PARTITIONS),
        "W1tb" * 9000,
        "OTk5" * 9000,
    ],
)
def test_what_was_never_given_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        Cursor.decode(token)
    assert refused.value.refusal.id == "RPC-20"


@given(POSITIONS, POSITIONS, strategies.uuids(), strategies.integers(0, 2**63 - 1))
def test_a_cursor_never_goes_back(mine: list[int], others: list[int], id: object, position: int) -> None:
    stream, cursor = f"talk-{id}", Cursor(list(mine))
    before = cursor.of(stream)
    assert before == mine[partition_of(stream, PARTITIONS)]
    cursor.move(stream, position)
    assert cursor.of(stream) == max(before, position)
    assert cursor.passed(stream, position)
    assert not cursor.passed(stream, cursor.of(stream) + 1)
    moved = cursor.of(stream)
    cursor.cover(Cursor(list(others)))
    assert cursor.of(stream) == max(moved, others[partition_of(stream, PARTITIONS)])
