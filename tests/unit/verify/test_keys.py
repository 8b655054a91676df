"""Keys of the three types: what they sign, and that nothing else passes for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import EMPTY_ROOT, Hash
from regard_client.verify.keys import SigningKey, Type, VerifierKey, parse_secret, parse_vkey, timestamp
from regard_client.verify.reasons import Unverified

NAME = "example.com/w1"
KEYS = {type_: SigningKey.generate(NAME, type_) for type_ in Type}
TREE = Checkpoint("example.com/log", 7, Hash(bytes(range(32))))
AT_S = 1_767_139_200

every_type = pytest.mark.parametrize("type_", Type, ids=[one.name for one in Type])
cosigning = pytest.mark.parametrize("type_", [Type.COSIGNATURE_ED25519, Type.COSIGNATURE_MLDSA44])


def test_the_key_ids_are_those_of_other_implementations() -> None:
    # From github.com/FiloSottile/torchwood, cmd/litewitness/testdata/mldsa.txt, and golang.org/x/mod/sumdb/note.
    seed = bytes.fromhex("2886adc2b0eabfce67c0472939127998bf886cf256bfee8ba76a253fce1146e0")
    key = SigningKey("example.com/mldsa-log", Type.COSIGNATURE_MLDSA44, seed)
    assert key.verifier.key_id.hex() == "b5df45c5"
    # The key of golang.org/x/mod/sumdb/note's own example.
    go = parse_secret("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    assert str(go.verifier) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


@every_type
def test_what_a_key_signed_verifies_and_nothing_else(type_: Type) -> None:
    key, text = KEYS[type_], str(TREE)
    signature = key.sign(text, AT_S)
    verifier = key.verifier
    assert (signature.name, signature.key_id) == (verifier.name, verifier.key_id)
    assert verifier.verifies(text, signature.payload)
    for changed in (
        replace(TREE, origin="example.com/log2"),
        replace(TREE, size=8),
        replace(TREE, root=EMPTY_ROOT),
    ):
        assert not verifier.verifies(str(changed), signature.payload)
    for bit in range(0, 8 * len(signature.payload), 7):
        changed_bytes = bytearray(signature.payload)
        changed_bytes[bit // 8] ^= 1 << bit % 8
        assert not verifier.verifies(text, bytes(changed_bytes))
    for payload in (b"", signature.payload[:-1], signature.payload + b"\0", signature.payload[8:]):
        assert not verifier.verifies(text, payload)


@cosigning
def test_a_cosignature_states_its_time(type_: Type) -> None:
    signature = KEYS[type_].sign(str(TREE), AT_S)
    assert timestamp(signature.payload) == AT_S
    other = (AT_S + 1).to_bytes(8, "big") + signature.payload[8:]
    assert not KEYS[type_].verifier.verifies(str(TREE), other)
    beyond = KEYS[type_].sign(str(TREE), 2**63)
    assert not KEYS[type_].verifier.verifies(str(TREE), beyond.payload)


def test_a_signature_of_one_type_is_none_of_another() -> None:
    seed = KEYS[Type.ED25519].seed
    plain, timed = (SigningKey(NAME, type_, seed) for type_ in (Type.ED25519, Type.COSIGNATURE_ED25519))
    assert plain.verifier.public == timed.verifier.public
    assert plain.verifier.key_id != timed.verifier.key_id
    text = str(TREE)
    assert not plain.verifier.verifies(text, timed.sign(text, AT_S).payload[8:])
    assert not timed.verifier.verifies(text, AT_S.to_bytes(8, "big") + plain.sign(text).payload)


def test_extension_lines_are_signed_by_ed25519_and_not_by_ml_dsa() -> None:
    """tlog-cosignature says so; it is why logs should have none."""
    extended = str(replace(TREE, extensions=("more",)))
    for type_, covers in ((Type.COSIGNATURE_ED25519, True), (Type.COSIGNATURE_MLDSA44, False)):
        payload = KEYS[type_].sign(str(TREE), AT_S).payload
        assert KEYS[type_].verifier.verifies(extended, payload) is not covers


def test_an_ml_dsa_cosignature_binds_the_name_of_its_key() -> None:
    key = KEYS[Type.COSIGNATURE_MLDSA44]
    renamed = replace(key.verifier, name="example.com/w2")
    assert not renamed.verifies(str(TREE), key.sign(str(TREE), AT_S).payload)


def test_an_ml_dsa_cosignature_needs_a_checkpoint_whose_names_fit() -> None:
    key = KEYS[Type.COSIGNATURE_MLDSA44]
    signature = key.sign(str(TREE), AT_S)
    for text in ("no checkpoint\n", str(replace(TREE, origin="x" * 256))):
        assert not key.verifier.verifies(text, signature.payload)
        with pytest.raises(Unverified, match="VER-01"):
            key.sign(text, AT_S)
    longest = str(replace(TREE, origin="x" * 255))
    assert key.verifier.verifies(longest, key.sign(longest, AT_S).payload)


@every_type
def test_keys_can_be_written_and_read(type_: Type) -> None:
    key = KEYS[type_]
    assert parse_vkey(str(key.verifier)) == key.verifier
    assert parse_secret(key.secret()) == key
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed) not in repr(key)


@every_type
def test_a_changed_key_is_refused(type_: Type) -> None:
    for text, parse in ((str(KEYS[type_].verifier), parse_vkey), (KEYS[type_].secret(), parse_secret)):
        for at in range(min(len(text), 120)):
            with pytest.raises(Unverified):
                parse(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
        for changed in (text + "A", text + "\n", " " + text, text[:-4], ""):
            with pytest.raises(Unverified):
                parse(changed)


@given(st.text() | st.from_regex(r"[a-z+]{0,8}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{0,48}=?", fullmatch=True))
def test_each_key_is_written_in_one_way(text: str) -> None:
    with suppress(Unverified):
        assert str(parse_vkey(text)) == text
    with suppress(Unverified):
        assert parse_secret(text).secret() == text


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
def test_a_key_that_is_no_point_verifies_nothing_and_raises_nothing(public: bytes, payload: bytes) -> None:
    assert not VerifierKey(NAME, Type.ED25519, public).verifies("x\n", payload)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "x" * 256])
def test_keys_have_names_that_fit_in_a_note(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        SigningKey.generate(name, Type.ED25519)
