"""What a witness answers, table by table of the protocol, and that it never cosigns two histories."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard_client.verify.addcheckpoint import AddCheckpoint, Status, parse_add_checkpoint
from regard_client.verify.checkpoint import Checkpoint, parse_checkpoint
from regard_client.verify.hashing import EMPTY_ROOT, Hash
from regard_client.verify.keys import Type, parse_secret, timestamp
from regard_client.verify.notes import Note, open_note, parse_note, parse_signatures
from regard_client.verify.reasons import Unverified
from regard_client.verify.tree import consistency_proof
from regard_client.witness import open_witness
from regard_client.witness.state import Witness, hash_of
from tests.unit.verify.logs import Log
from tests.unit.verify.receipts import AT_S, COUNCIL, LOG, LOG_MLDSA, ORIGIN, key

NAME = "council.example/w1"
LOGS = (LOG.verifier, LOG_MLDSA.verifier)
TREE, FORK = Log.of(600), Log.of(600, fork_at=100)
hashes = st.binary(min_size=32, max_size=32).map(Hash)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return open_witness(tmp_path / "w", NAME, LOGS)


def request(old: int, new: int, tree: Log = TREE) -> AddCheckpoint:
    return AddCheckpoint(old, consistency_proof(old, new, tree.nodes), tree.note(new))


def signed(checkpoint: Checkpoint) -> Note:
    return Note(str(checkpoint), (LOG.sign(str(checkpoint)),))


def ask(witness: Witness, asked: AddCheckpoint) -> tuple[Status, bytes]:
    return witness.add_checkpoint(bytes(asked))


def grown(witness: Witness, *sizes: int) -> Witness:
    for old, new in zip((0, *sizes), sizes, strict=False):
        assert ask(witness, request(old, new))[0] is Status.COSIGNED
    return witness


def test_what_only_grows_is_cosigned_with_both_kinds_of_key(witness: Witness) -> None:
    for old, new in ((0, 0), (0, 1), (1, 1), (1, 256), (256, 257), (257, 600), (600, 600)):
        status, body = ask(witness, request(old, new))
        assert status is Status.COSIGNED
        signatures = open_note(Note(TREE.note(new).text, parse_signatures(body.decode())), witness.verifiers)
        assert [one.type for one, _ in signatures] == [Type.COSIGNATURE_ED25519, Type.COSIGNATURE_MLDSA44]
        assert all(timestamp(one.payload) for _, one in signatures)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(300, 600), Status.COSIGNED),
        (request(300, 300), Status.COSIGNED),
        (replace(request(300, 600), old=601), Status.MALFORMED),
        (request(0, 600), Status.CONFLICT),
        (request(299, 600), Status.CONFLICT),
        (request(0, 0), Status.CONFLICT),
        (request(300, 600, FORK), Status.INCONSISTENT),
        (request(300, 300, FORK), Status.INCONSISTENT),
        (replace(request(300, 600), proof=()), Status.INCONSISTENT),
        (replace(request(300, 600), proof=request(300, 599).proof), Status.INCONSISTENT),
        (replace(request(300, 300), proof=(EMPTY_ROOT,)), Status.INCONSISTENT),
        (
            replace(request(300, 600), note=TREE.note(600).with_signatures(LOG_MLDSA.sign(TREE.note(1).text))),
            Status.UNTRUSTED,
        ),
        (replace(request(300, 600), note=Log.of(600, COUNCIL).note()), Status.UNTRUSTED),
        (replace(request(300, 600), note=Log.of(600, LOG_MLDSA).note()), Status.COSIGNED),
        (replace(request(300, 600), note=TREE.note(600).with_signatures(COUNCIL.sign("x\n"))), Status.COSIGNED),
        (replace(request(300, 600), note=Note("no checkpoint\n", (LOG.sign("no checkpoint\n"),))), Status.MALFORMED),
    ],
)
def test_each_answer_of_the_protocol(witness: Witness, asked: AddCheckpoint, status: Status) -> None:
    grown(witness, 300)
    answered, body = ask(witness, asked)
    assert answered is status
    assert body == b"300\n" if status is Status.CONFLICT else bool(body) is (status is Status.COSIGNED)
    kept = parse_note(witness.checkpoint(hash_of(ORIGIN)) or b"")
    cosigned_more = status is Status.COSIGNED and asked.note.text == TREE.note(600).text
    assert kept.text == TREE.note(600 if cosigned_more else 300).text


def test_an_unknown_log_is_not_found(witness: Witness) -> None:
    other = key("other.example/log", Type.ED25519)
    text = str(Checkpoint(other.name, 0, EMPTY_ROOT))
    assert ask(witness, AddCheckpoint(0, (), Note(text, (other.sign(text),)))) == (Status.UNKNOWN_LOG, b"")
    assert witness.checkpoint(hash_of(other.name)) is None


def test_the_first_checkpoint_needs_no_proof_and_takes_none(witness: Witness) -> None:
    wrong_root = signed(Checkpoint(ORIGIN, 0, Hash(bytes(32))))
    for asked in (replace(request(0, 5), proof=(EMPTY_ROOT,)), AddCheckpoint(0, (), wrong_root)):
        assert ask(witness, asked) == (Status.INCONSISTENT, b"")
    assert ask(witness, request(1, 5)) == (Status.CONFLICT, b"0\n")
    grown(witness, 5)


def test_what_shows_a_fork_is_kept(witness: Witness) -> None:
    grown(witness, 300)
    assert witness.evidence() == []
    asked = request(300, 600, FORK)
    ask(witness, asked)
    ask(witness, replace(asked, old=0))
    assert [parse_add_checkpoint(one) for one in witness.evidence()] == [asked]
    for _ in range(120):
        ask(witness, request(300, 300, FORK))
    assert len(witness.evidence()) == 100
    assert parse_add_checkpoint(witness.evidence()[0]) == asked


def test_what_is_published_carries_the_signatures_of_log_and_witness_only(witness: Witness) -> None:
    stranger = COUNCIL.sign(TREE.note(5).text, AT_S)
    ask(witness, replace(request(0, 5), note=TREE.note(5).with_signatures(stranger)))
    published = parse_note(witness.checkpoint(hash_of(ORIGIN)) or b"")
    assert [one.name for one in published.signatures] == [ORIGIN, NAME, NAME]
    assert len(open_note(published, (*LOGS, *witness.verifiers))) == 3


def test_among_many_at_once_one_history_is_cosigned(tmp_path: Path) -> None:
    """Two histories are submitted at once through several witnesses on one folder; only one is ever cosigned."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    ways = random.Random(seed)
    folder = tmp_path / "w"
    witnesses = [open_witness(folder, NAME, LOGS) for _ in range(4)]
    cosigned = [request(0, 50)]
    ask(witnesses[0], cosigned[0])

    def submit(number: int) -> None:
        tree = (TREE, FORK)[number % 2]
        witness = witnesses[number % len(witnesses)]
        for _ in range(6):
            status, body = ask(witness, request(0, 101, tree))
            size = int(body) if status is Status.CONFLICT else 101
            asked = request(size, min(600, size + 1 + ways.randrange(100)), tree)
            status, _ = ask(witness, asked)
            if status is Status.COSIGNED:
                cosigned.append(asked)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(submit, range(8)))
    assert len(cosigned) > 1
    texts = [asked.note.text for asked in cosigned if parse_checkpoint(asked.note.text).size > 100]
    histories = {"fork" if text in {FORK.note(parse_checkpoint(text).size).text} else "tree" for text in texts}
    assert len(histories) <= 1, histories
    # Each one went on from where another had come to: none was rolled back.
    steps = sorted((asked.old, parse_checkpoint(asked.note.text).size) for asked in cosigned)
    assert all(one[1] <= other[0] or one == other for one, other in pairwise(steps))


def test_a_witness_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = grown(open_witness(tmp_path / "w", NAME, LOGS), 300)
    again = open_witness(tmp_path / "w", NAME, LOGS)
    assert again.verifiers == first.verifiers
    assert ask(again, request(0, 300)) == (Status.CONFLICT, b"300\n")
    grown_to = ask(again, request(300, 600))
    assert grown_to[0] is Status.COSIGNED


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    open_witness(tmp_path / "w", NAME, LOGS)
    assert (tmp_path / "w").stat().st_mode & 0o077 == 0
    assert (tmp_path / "w" / "keys").stat().st_mode & 0o077 == 0
    for line in (tmp_path / "w" / "keys").read_text().splitlines():
        assert parse_secret(line).name == NAME


@pytest.mark.parametrize("lost", ["keys", "state.sqlite"])
def test_a_witness_that_lost_a_part_does_not_start(tmp_path: Path, lost: str) -> None:
    grown(open_witness(tmp_path / "w", NAME, LOGS), 5)
    (tmp_path / "w" / lost).unlink()
    with pytest.raises(Unverified, match="WIT-01"):
        open_witness(tmp_path / "w", NAME, LOGS)


def test_a_witness_keeps_its_name(tmp_path: Path) -> None:
    open_witness(tmp_path / "w", NAME, LOGS)
    with pytest.raises(Unverified, match="WIT-02"):
        open_witness(tmp_path / "w", "other.example", LOGS)
    with pytest.raises(ValueError, match="name"):
        open_witness(tmp_path / "v", "not a name", LOGS)
    assert not (tmp_path / "v" / "keys").exists()


def test_nothing_is_cosigned_that_can_not_be_kept(witness: Witness, tmp_path: Path) -> None:
    grown(witness, 5)
    with sqlite3.connect(tmp_path / "w" / "state.sqlite") as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON latest BEGIN SELECT RAISE(ABORT, 'full'); END")
    connection.close()
    with pytest.raises(sqlite3.IntegrityError, match="full"):
        ask(witness, request(5, 10))
    with sqlite3.connect(tmp_path / "w" / "state.sqlite") as connection:
        connection.execute("DROP TRIGGER full")
    connection.close()
    assert ask(witness, request(0, 10)) == (Status.CONFLICT, b"5\n")


@given(st.integers(0, 2**63 - 1), st.lists(hashes, max_size=63))
@settings(deadline=None)
def test_a_request_gives_its_parts_back(old: int, proof: list[Hash]) -> None:
    asked = AddCheckpoint(old, tuple(proof), TREE.note(5))
    assert parse_add_checkpoint(bytes(asked)) == asked


@given(st.binary() | st.binary().map(lambda data: b"old 0\n" + data + b"\n\n" + bytes(TREE.note(5))))
@settings(deadline=None)
def test_each_request_is_written_in_one_way(data: bytes) -> None:
    with suppress(Unverified):
        assert bytes(parse_add_checkpoint(data)) == data


@pytest.mark.parametrize(
    "head", ["", "old", "old ", "old -1", "old 01", "old  1", "Old 1", "old 1 ", "old 1\nAAAA", "old 1\r", "old é", "1"]
)
def test_what_is_no_request_is_refused(witness: Witness, head: str) -> None:
    body = f"{head}\n\n".encode() + bytes(TREE.note(5))
    assert witness.add_checkpoint(body) == (Status.MALFORMED, b"")
    hashes_64 = 64 * f"\n{43 * 'A'}="
    assert witness.add_checkpoint(f"old 1{hashes_64}\n\n".encode() + bytes(TREE.note(5))) == (Status.MALFORMED, b"")
