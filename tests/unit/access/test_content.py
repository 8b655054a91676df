"""How the ledger describes what was accessed: runs never claim what was not seen, and never leave out what was."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL

from services.access import Object
from services.access.content import described


def message(sequence: int, room: str = "r") -> Object:
    return Object("message", f"{room}{sequence}", LEVEL_CONFIDENTIAL, "ben", room, sequence)


@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)))
def test_runs_cover_what_is_new_and_only_what_was_seen(seen: set[int], new: set[int]) -> None:
    new &= seen
    objects = [message(sequence) for sequence in seen]
    runs = described(objects, {message(sequence).key for sequence in new})
    covered = [sequence for run in runs for sequence in range(run.first, run.last + 1)]
    assert new <= set(covered) <= seen
    assert len(covered) == len(set(covered))
    assert all(run.first in new and run.last in new and list(run.ids) == ["r"] for run in runs)
    bounds = sorted((run.first, run.last) for run in runs)
    between = [set(range(last + 1, first)) for (_, last), (first, _) in pairwise(bounds)]
    assert all(gap - seen for gap in between), "two runs that one would do for"


def test_what_has_no_sequence_is_named_and_rooms_stay_apart() -> None:
    post, comment = Object("post", "p", LEVEL_CONFIDENTIAL), Object("comment", "c", LEVEL_CONFIDENTIAL, "ben", "p")
    objects = [post, message(1), message(2), message(3, "s"), comment, Object("post", "q", LEVEL_CONFIDENTIAL)]
    found = described(objects, {one.key for one in objects} - {("post", "q")})
    assert {(one.type, tuple(one.ids), one.first, one.last) for one in found} == {
        ("post", ("p",), 0, 0),
        ("comment", ("c",), 0, 0),
        ("message", ("r",), 1, 2),
        ("message", ("s",), 3, 3),
    }
