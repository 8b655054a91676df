"""Places of a group: none can be left out, and none written anew, without its members noticing."""

from __future__ import annotations

import json
import random
from itertools import combinations

import pytest

from regard_client.verify.hashing import format_hash
from regard_client.verify.notes import Note
from regard_client.verify.places import Place, place_of, require_no_gap
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import Receipt
from regard_client.verify.record import commitment

NOTE = Note("x\n")
SALT = bytes(32)


def receipt(**record: object) -> Receipt:
    data = json.dumps({"kind": "access", **record}, sort_keys=True, separators=(",", ":")).encode()
    return Receipt(SALT, data, 0, (), NOTE)


def history(*events: int, group: str = "g", word: str = "") -> list[Receipt]:
    """The receipts of a group whose events hold so many accesses each."""

    made, previous = list[Receipt](), ""
    for revision, of in enumerate(events):
        for index in range(of):
            one = receipt(group=group, revision=revision, index=index, of=of, previous=previous, word=word)
            previous = format_hash(commitment(one.salt, one.record))
            made.append(one)
    return made


def places(receipts: list[Receipt]) -> list[Place]:
    return [place for one in receipts if (place := place_of(one))]


ALL = places(history(1, 3, 1, 2))


def test_a_whole_history_has_no_gap_in_whatever_order_it_comes() -> None:
    assert require_no_gap(ALL) == (ALL[0], ALL[-1])
    assert require_no_gap(random.sample(ALL * 2, len(ALL) * 2)) == (ALL[0], ALL[-1])
    assert require_no_gap([]) is None
    for first, last in combinations(range(len(ALL)), 2):
        assert require_no_gap(ALL[first : last + 1]) == (ALL[first], ALL[last])


@pytest.mark.parametrize("missing", range(1, len(ALL) - 1))
def test_each_that_is_left_out_is_named(missing: int) -> None:
    gone = ALL[missing]
    with pytest.raises(Unverified, match=f"VER-13 .*revision {gone.revision}, number {gone.index}"):
        require_no_gap(ALL[:missing] + ALL[missing + 1 :])


@pytest.mark.parametrize("at", range(1, len(ALL)))
def test_a_history_written_anew_does_not_follow(at: int) -> None:
    other = places(history(1, 3, 1, 2, word="other"))
    with pytest.raises(Unverified, match="VER-14"):
        require_no_gap(ALL[:at] + other[at:])
    with pytest.raises(Unverified, match="VER-14"):
        require_no_gap([*ALL, other[at]])


def test_what_belongs_to_no_group_has_no_place() -> None:
    assert place_of(receipt(leaves=[])) is None


@pytest.mark.parametrize(("revision", "index", "of"), [(-1, 0, 1), (0, -1, 1), (0, 1, 1), (0, 0, 0)])
def test_places_that_can_not_be_are_refused(revision: int, index: int, of: int) -> None:
    with pytest.raises(Unverified, match="VER-01"):
        place_of(receipt(group="g", revision=revision, index=index, of=of, previous=""))
