"""Signed notes: what is one, and whose signatures count."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard_client.verify.keys import SigningKey, Type, parse_vkey
from regard_client.verify.notes import MAX_SIGNATURES, Note, Signature, open_note, parse_note
from regard_client.verify.reasons import Unverified

EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()
EXAMPLE_KEY = parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
A, B = (SigningKey.generate(f"example.com/{name}", Type.ED25519) for name in "ab")
TEXT = "a text\n\nwith an empty line\n"

names = st.from_regex(r"[a-zé./]{1,20}", fullmatch=True)
signatures = st.builds(Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=100))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32))))).map(
    "{}\n".format
)


def test_the_example_of_the_specification_verifies() -> None:
    note = parse_note(EXAMPLE)
    assert note.text == "This is an example message.\n"
    assert [key for key, _ in open_note(note, [EXAMPLE_KEY])] == [EXAMPLE_KEY]


def test_every_changed_bit_of_the_example_is_noticed() -> None:
    for bit in range(8 * len(EXAMPLE)):
        changed = bytearray(EXAMPLE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unverified):
            open_note(parse_note(bytes(changed)), [EXAMPLE_KEY])


@given(texts, st.lists(signatures, min_size=1, max_size=16))
def test_a_note_gives_its_text_and_signatures_back(text: str, lines: list[Signature]) -> None:
    note = Note(text, tuple(lines))
    assert parse_note(bytes(note)) == note


@given(st.binary() | st.text().map(str.encode) | st.binary(max_size=9).map(lambda rest: EXAMPLE + rest))
def test_each_note_is_written_in_one_way(data: bytes) -> None:
    with suppress(Unverified):
        assert bytes(parse_note(data)) == data


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "empty line"),
        (b"text\n", "empty line"),
        (b"text\n\n", "signature lines"),
        (b"text\n\n\n", "signature lines"),
        (EXAMPLE[:-1], "end in newlines"),
        (EXAMPLE + b"\n", "signature lines"),
        (EXAMPLE.replace(b"is an", b"is\tan"), "control character"),
        (EXAMPLE.replace(b"is an", b"is\ran"), "control character"),
        (EXAMPLE.replace(b"is an", b"is\xffan"), "UTF-8"),
        (EXAMPLE.replace("—".encode(), b"-"), "em dash"),
        (EXAMPLE.replace(b"/foo ", b"/foo  "), "em dash"),
        (EXAMPLE.replace(b"example.com/foo", b"example.com+foo"), "em dash"),
        (EXAMPLE.replace(b"example.com/foo", "example.com\u2003foo".encode()), "em dash"),
        (EXAMPLE.replace(b"aQM=", b"aQM"), "base64"),
        (EXAMPLE.replace(b"aQM=", b"aQN="), "canonical"),
        (EXAMPLE.replace(b"aQM=", b"a-M="), "base64"),
        ("text\n\n— a AAAAAA==\n".encode(), "key id"),
        (b"text\n\n" + MAX_SIGNATURES * "— a AAAAAAA=\n".encode() + "— a AAAAAAA=\n".encode(), "1 to 64"),
        (b"x" * 1_000_001, "at most"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes, rule: str) -> None:
    with pytest.raises(Unverified, match=f"VER-01 .*{rule}"):
        parse_note(data)


def test_signatures_by_unknown_keys_are_ignored_even_when_they_share_a_name_or_an_id() -> None:
    good = A.sign(TEXT)
    same_name = Signature(A.name, b"\0\0\0\0", b"nonsense")
    same_id = Signature("example.com/other", good.key_id, b"nonsense")
    note = parse_note(bytes(Note(TEXT, (same_name, same_id, B.sign(TEXT), good))))
    assert open_note(note, [A.verifier]) == ((A.verifier, good),)


def test_without_a_signature_by_a_known_key_a_note_is_refused() -> None:
    with pytest.raises(Unverified, match="VER-03"):
        open_note(Note(TEXT, (B.sign(TEXT),)), [A.verifier])
    with pytest.raises(Unverified, match="VER-03"):
        open_note(Note(TEXT, (B.sign(TEXT),)), [])


def test_one_wrong_signature_by_a_known_key_spoils_the_note() -> None:
    wrong = Signature(A.name, A.verifier.key_id, B.sign(TEXT).payload)
    note = Note(TEXT, (B.sign(TEXT), wrong))
    assert open_note(note, [B.verifier])
    with pytest.raises(Unverified, match=r"VER-02 .*example\.com/a") as raised:
        open_note(note, [A.verifier, B.verifier])
    assert raised.value.evidence["note"] == bytes(note)
