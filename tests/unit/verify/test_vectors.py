"""The vectors that other verifiers are held to say what this one says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from regard_client.verify.hashing import Hash
from regard_client.verify.notes import Note, parse_note
from regard_client.verify.receipt import Receipt
from regard_client.verify.tiles import Tile
from tests.unit.verify.vectors import FILE, growth_outcome, history_outcome, outcome, policy_outcome, text, tile_files

VECTORS: dict[str, Any] = json.loads(FILE.read_text())
NO_PROOF: tuple[Hash, ...] = ()


def bytes_of(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def expected(vector: dict[str, Any], *given: str) -> dict[str, Any]:
    return {name: value for name, value in vector.items() if name not in {"name", *given}}


def named(section: str) -> Any:
    return pytest.mark.parametrize("vector", VECTORS[section], ids=[one["name"] for one in VECTORS[section]])


@named("receipts")
def test_a_receipt_proves_what_its_vector_says(vector: dict[str, Any]) -> None:
    policy = bytes_of(VECTORS["trusted"][vector["trusted"]])
    assert outcome(bytes_of(vector["receipt"]), policy) == expected(vector, "receipt", "trusted")


@named("policies")
def test_a_policy_says_what_its_vector_says(vector: dict[str, Any]) -> None:
    assert policy_outcome(bytes_of(vector["policy"])) == expected(vector, "policy")


@named("histories")
def test_a_history_has_the_gaps_that_its_vector_says(vector: dict[str, Any]) -> None:
    made = [
        Receipt(bytes_of(one["salt"]), bytes_of(one["record"]), 0, NO_PROOF, Note("x\n")) for one in vector["openings"]
    ]
    assert history_outcome(made) == expected(vector, "openings")


@named("growths")
def test_a_log_has_grown_as_its_vector_says(vector: dict[str, Any]) -> None:
    last, now = (parse_note(bytes_of(vector[name])) for name in ("last", "now"))
    proof = tuple(Hash(bytes_of(one)) for one in vector["proof"])
    assert growth_outcome(last, now, proof) == expected(vector, "last", "now", "proof")


def test_tiles_lie_where_the_vectors_say() -> None:
    assert {tile.path: text(data) for tile, data in tile_files()} == VECTORS["tiles"]
    for path, (level, index, width) in VECTORS["paths"].items():
        assert Tile(level, int(index), width).path == path


def test_there_are_vectors_for_every_reason() -> None:
    seen = {
        one["refused"]["id"]
        for section in ("receipts", "histories", "growths")
        for one in VECTORS[section]
        if "refused" in one
    }
    assert seen == {f"VER-{number:02}" for number in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14)}
