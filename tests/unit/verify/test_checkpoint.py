"""Checkpoints: the three lines, and whose log it is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard_client.verify.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from regard_client.verify.hashing import EMPTY_ROOT, Hash
from regard_client.verify.keys import SigningKey, Type, parse_vkey
from regard_client.verify.notes import Note
from regard_client.verify.reasons import Unverified

# The checkpoint of size 15 of github.com/transparency-dev/tessera, testdata/log (Apache-2.0).
TESSERA = """example.com/log/testdata
15
rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

— example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
""".encode()
TESSERA_KEY = parse_vkey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
EMPTY = "log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

lines = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)
checkpoints = st.builds(
    Checkpoint,
    lines,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32).map(Hash),
    st.lists(lines, max_size=3).map(tuple),
)


def test_a_checkpoint_of_another_implementation_opens() -> None:
    checkpoint, note = open_checkpoint(TESSERA, "example.com/log/testdata", [TESSERA_KEY])
    assert (checkpoint.origin, checkpoint.size, checkpoint.extensions) == ("example.com/log/testdata", 15, ())
    assert bytes(note) == TESSERA


@given(checkpoints)
def test_a_text_gives_its_checkpoint_back(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(str(checkpoint)) == checkpoint


@given(lines | st.lists(lines).map("\n".join) | st.text())
def test_each_checkpoint_is_written_in_one_way(text: str) -> None:
    with suppress(Unverified):
        assert str(parse_checkpoint(text)) == text


def test_the_empty_log_is_a_checkpoint() -> None:
    assert parse_checkpoint(EMPTY) == Checkpoint("log", 0, EMPTY_ROOT)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "three lines"),
        ("log\n0\n", "three lines"),
        (EMPTY[:-1], "newlines"),
        (EMPTY.replace("log", ""), "origin"),
        (EMPTY + "\n", "extension"),
        (EMPTY + "\nextension\n", "extension"),
        (EMPTY.replace("\n0\n", "\n00\n"), "leading zeroes"),
        (EMPTY.replace("\n0\n", "\n01\n"), "leading zeroes"),
        (EMPTY.replace("\n0\n", "\n+1\n"), "decimal"),
        (EMPTY.replace("\n0\n", "\n-1\n"), "decimal"),
        (EMPTY.replace("\n0\n", "\n1_0\n"), "decimal"),
        (EMPTY.replace("\n0\n", "\n 1\n"), "decimal"),
        (EMPTY.replace("\n0\n", "\n١\n"), "ASCII"),
        (EMPTY.replace("\n0\n", f"\n{2**63}\n"), r"2\^63 - 1"),
        (EMPTY.replace("uFU=", "uFV="), "canonical"),
        (EMPTY.replace("uFU=", "uFU"), "base64"),
        (EMPTY.replace("uFU=\n", "uFU= \n"), "base64"),
        ("log\n0\nAAAA\n", "32 bytes"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, rule: str) -> None:
    with pytest.raises(Unverified, match=f"VER-01 .*{rule}"):
        parse_checkpoint(text)


def test_the_checkpoint_of_another_log_is_refused_even_if_its_key_is_known() -> None:
    with pytest.raises(Unverified, match=r"VER-06 .*testdata, not example\.com/log"):
        open_checkpoint(TESSERA, "example.com/log", [TESSERA_KEY])


def test_a_checkpoint_that_the_log_did_not_sign_is_refused() -> None:
    key = SigningKey.generate("log", Type.ED25519)
    with pytest.raises(Unverified, match="VER-03"):
        open_checkpoint(bytes(Note(EMPTY, (key.sign(EMPTY),))), "log", [TESSERA_KEY])
