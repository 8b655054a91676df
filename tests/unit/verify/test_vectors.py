"""The vectors that other verifiers are held to say what this one says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from regard_client.verify.hashing import Hash
from regard_client.verify.notes import Note
from regard_client.verify.receipt import Receipt
from tests.unit.verify.vectors import FILE, history_outcome, outcome, policy_outcome

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


def test_there_are_vectors_for_every_reason_a_receipt_is_refused() -> None:
    seen = {
        one["refused"]["id"] for section in ("receipts", "histories") for one in VECTORS[section] if "refused" in one
    }
    assert seen == {f"VER-{number:02}" for number in (1, 2, 3, 4, 7, 8, 9, 13, 14)}
