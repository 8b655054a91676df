"""Receipts: they verify with no network, and no bit of them can be changed."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.keys import SigningKey
from regard_client.verify.notes import Note
from regard_client.verify.policy import Policy
from regard_client.verify.proof import TlogProof, parse_proof
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import Step, parse_receipt, verify_receipt
from regard_client.verify.record import ENTRY_BYTES, commitment, entry, parse_record
from tests.unit.verify.receipts import AT_S, COMPANY, COUNCIL, LOG, LOG_MLDSA, POLICY, RECORD, THIRD, key, receipt

ED25519_ONLY = (LOG, COUNCIL, COMPANY)
NOTE = receipt(LOG).checkpoint
hashes = st.binary(min_size=32, max_size=32).map(Hash)
proofs = st.builds(
    TlogProof,
    st.integers(0, 2**63 - 1),
    st.lists(hashes, max_size=63).map(tuple),
    st.just(NOTE),
    st.binary(max_size=200),
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a receipt is verified without a network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_receipt_verifies_and_each_step_is_told_in_both_languages() -> None:
    steps = list[Step]()
    data = bytes(receipt(LOG, LOG_MLDSA, COUNCIL, THIRD))
    verified = verify_receipt(data, POLICY, steps.append)
    assert verified.record == parse_record(RECORD)
    assert (verified.index, verified.vouched.checkpoint.size) == (6, 11)
    assert verified.vouched.witnesses == {"council": AT_S, "third": AT_S}
    assert [one.id for one in steps] == ["read", "entry", "signed", "witnessed", "included"]
    assert "2025-12-31 00:00:00 UTC" in steps[3].sentence("en")
    for step in steps:
        assert step.sentence("en") != step.sentence("fr")
    assert bytes(parse_receipt(data)) == data


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (255, 254), (256, 0), (257, 256), (511, 3), (512, 511)])
def test_receipts_verify_in_logs_of_every_shape(size: int, index: int) -> None:
    made = receipt(LOG, COUNCIL, size=size, index=index)
    assert verify_receipt(bytes(made), POLICY).index == index
    for other in {0, index + 1, size - 1, size} - {index}:
        with pytest.raises(Unverified, match="VER-04"):
            verify_receipt(bytes(replace(made, index=other)), POLICY)


def every_bit(signers: tuple[SigningKey, ...]) -> None:
    data = bytes(receipt(*signers))
    verify_receipt(data, POLICY)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unverified):
            verify_receipt(bytes(changed), POLICY)


def test_every_changed_bit_of_a_receipt_is_noticed() -> None:
    every_bit(ED25519_ONLY)


@pytest.mark.slow
def test_every_changed_bit_of_a_receipt_with_post_quantum_signatures_is_noticed() -> None:
    every_bit((LOG_MLDSA, COUNCIL))


def test_every_changed_bit_of_record_and_salt_is_noticed() -> None:
    """Not as characters of the file: as what they are."""
    made = receipt(*ED25519_ONLY)
    for name in ("salt", "record"):
        value = getattr(made, name)
        for bit in range(8 * len(value)):
            changed = bytearray(value)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(Unverified):
                verify_receipt(bytes(replace(made, **{name: bytes(changed)})), POLICY)


def test_every_changed_bit_of_the_checkpoint_is_noticed() -> None:
    made = receipt(*ED25519_ONLY)
    text = made.checkpoint.text.encode()
    for bit in range(8 * len(text)):
        changed = bytearray(text)
        changed[bit // 8] ^= 1 << bit % 8
        with suppress(UnicodeDecodeError):
            note = Note(bytes(changed).decode(), made.checkpoint.signatures)
            with pytest.raises(Unverified):
                verify_receipt(bytes(replace(made, checkpoint=note)), POLICY)


@pytest.mark.parametrize("cut", [1, 5, 50, 200, 500])
def test_a_receipt_that_is_cut_or_continued_is_refused(cut: int) -> None:
    data = bytes(receipt(*ED25519_ONLY))
    for changed in (data[:-cut], data[cut:], data + data[:cut], data[:100] + data[100 + cut :]):
        with pytest.raises(Unverified):
            verify_receipt(changed, POLICY)


def test_a_signature_that_nobody_can_verify_is_not_evidence() -> None:
    stranger = key("stranger.example", COUNCIL.type)
    with pytest.raises(Unverified, match=r"VER-09 .*stranger\.example") as raised:
        verify_receipt(bytes(receipt(LOG, COUNCIL, stranger)), POLICY)
    assert raised.value.evidence["receipt"]


def test_the_record_of_another_entry_does_not_verify() -> None:
    other = parse_receipt(bytes(receipt(*ED25519_ONLY, record=RECORD.replace(b"3}", b"4}"))))
    with pytest.raises(Unverified, match="VER-04"):
        verify_receipt(bytes(replace(receipt(*ED25519_ONLY), record=other.record)), POLICY)


def test_who_asks_for_no_witness_is_told_so() -> None:
    steps = list[Step]()
    verify_receipt(bytes(receipt(LOG)), Policy(POLICY.logs), steps.append)
    assert "asks for no witness" in steps[3].sentence("en")
    assert "n’exige pas de témoin" in steps[3].sentence("fr")


def test_a_time_that_is_no_date_is_told_all_the_same() -> None:
    made = receipt(LOG)
    late = made.checkpoint.with_signatures(COUNCIL.sign(made.checkpoint.text, 2**63 - 1))
    steps = list[Step]()
    verify_receipt(bytes(replace(made, checkpoint=late)), POLICY, steps.append)
    assert str(2**63 - 1) in steps[3].sentence("en")


@given(proofs)
@settings(deadline=None)
def test_a_proof_gives_its_parts_back(proof: TlogProof) -> None:
    assert parse_proof(bytes(proof)) == proof


HEAD = "c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n",
        HEAD,
        HEAD + "extra AAAA\n",
        HEAD + "extra \nindex 0\n",
        HEAD + "extra AAA\nindex 0\n",
        HEAD + "extra AAB=\nindex 0\n",
        HEAD + "extra AAAA\nextra AAAA\nindex 0\n",
        HEAD + "index 0\nextra AAAA\n",
        HEAD + "index 01\n",
        HEAD + "index -1\n",
        HEAD + "index  1\n",
        HEAD + "index 0 \n",
        HEAD + "index 0\nAAAA\n",
        HEAD + "index 0\n\u00e9\n",
        HEAD + "index 0\r\n",
        HEAD + "index 0\n" + 64 * (43 * "A" + "=\n"),
        "\ufeff" + HEAD + "index 0\n",
    ],
)
def test_what_is_no_proof_is_refused(head: str) -> None:
    with pytest.raises(Unverified, match="VER-01"):
        parse_proof(f"{head}\n".encode() + bytes(NOTE))
    assert parse_proof(f"{HEAD}index 0\n\n".encode() + bytes(NOTE)).checkpoint == NOTE


@pytest.mark.parametrize("extra", [b"", bytes(31), bytes(32)])
def test_a_proof_without_salt_and_record_is_no_receipt(extra: bytes) -> None:
    with pytest.raises(Unverified, match=r"VER-01 .*receipt"):
        parse_receipt(bytes(TlogProof(0, (), NOTE, extra)))


def test_entries_are_as_long_for_everything_and_follow_from_salt_and_record() -> None:
    assert {len(entry(bytes(32), record)) for record in (b"", RECORD, RECORD * 100)} == {ENTRY_BYTES}
    assert entry(bytes(32), RECORD) != entry(b"\1" + bytes(31), RECORD)
    # printf 'regard.log/record/v1\n{"kind":"chaff"}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000…
    assert commitment(bytes(32), b'{"kind":"chaff"}').hex() == KNOWN
    assert leaf_hash(entry(bytes(32), b"x")) != leaf_hash(entry(bytes(32), b"y"))


KNOWN = "62033fcc1523d0900d5f1b7d59dcc94710772f263bb68f0dc417b54b80ed1c2c"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"kind":1}',
        b'{"kind": "a"}',
        b'{"kind":"a"}\n',
        b'{"kind":"a","a":1}',
        b'{"a":1,"a":1,"kind":"a"}',
        b'{"kind":"\\u00e9"}',
        b'{"kind":"\\ud800"}',
        b'{"kind":"\xff"}',
        b'{"a":1.0e5,"kind":"a"}',
        b'{"a":1e999,"kind":"a"}',
        b'{"a":' + b"1" * 5000 + b',"kind":"a"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"kind":"a"}',
        "\ufeff{}".encode(),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(Unverified, match=r"VER-01 .*record"):
        parse_record(data)
