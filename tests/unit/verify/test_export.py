"""Exports: no bit of a folder can be changed, and what is signed of one is nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from regard_client.verify.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from regard_client.verify.export import (
    ACCESSES,
    EVENTS,
    MANIFEST,
    NOTE,
    TABLE,
    Manifest,
    format_manifest,
    parse_manifest,
    receipt_name,
    statement,
    verify_export,
)
from regard_client.verify.notes import Note
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import Step
from tests.unit.verify.receipts import COUNCIL, LOG, LOG_MLDSA, ORIGIN, POLICY, RECORD, receipt

ACCESS_ID, UNPROVEN_ID = "0197a3c0-0000-7000-8000-000000000001", "0197a3c0-0000-7000-8000-000000000002"
SAID = {"kind": "export", "log": ORIGIN, "by": "awa", "at": "2026-11-27T08:00:00+00:00", "query": {"reader_id": "léo"}}
LINE = {"access_id": ACCESS_ID, "group_id": "g", "reader_id": "léo", "revision": "3", "of": 1}


def sealed(text: str, signer: object = LOG) -> bytes:
    return bytes(Note(text, (LOG.sign(text),)))


def files(line: dict[str, object] = LINE) -> dict[str, bytes]:
    """An export of two accesses, one of them without a receipt."""
    other = {**LINE, "access_id": UNPROVEN_ID}
    lines = b"".join(json.dumps(one, sort_keys=True).encode() + b"\n" for one in (line, other))
    made = {ACCESSES: lines, TABLE: b"a\r\n", EVENTS: b"{}\n", receipt_name(ACCESS_ID): bytes(receipt(LOG, COUNCIL))}
    sizes = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in made.items()}
    manifest = format_manifest(Manifest(SAID, 2, sizes, {UNPROVEN_ID: "AUD-05"}))
    return {**made, MANIFEST: manifest, NOTE: sealed(statement(ORIGIN, manifest))}


def written(folder: Path, made: dict[str, bytes]) -> Path:
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def signed_again(made: dict[str, bytes]) -> dict[str, bytes]:
    """With a manifest of what is there now, by whoever has the key."""
    told = {name: data for name, data in made.items() if name not in (MANIFEST, NOTE)}
    sizes = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in told.items()}
    before = parse_manifest(made[MANIFEST])
    manifest = format_manifest(Manifest(before.said, before.accesses, sizes, before.unproven))
    return {**told, MANIFEST: manifest, NOTE: sealed(statement(ORIGIN, manifest))}


def refused(folder: Path, id: str) -> None:
    with pytest.raises(Unverified, match=id):
        verify_export(folder, POLICY)


def test_an_export_verifies_and_each_step_is_told_in_both_languages(tmp_path: Path) -> None:
    steps, progress = list[Step](), list[tuple[int, int]]()
    manifest = verify_export(
        written(tmp_path, files()), POLICY, steps.append, lambda done, of: progress.append((done, of))
    )
    assert (manifest.accesses, dict(manifest.unproven), manifest.said) == (2, {UNPROVEN_ID: "AUD-05"}, SAID)
    assert [one.id for one in steps] == ["signed", "whole", "proven"]
    assert progress == [(1, 2), (2, 2)]
    for step in steps:
        assert step.sentence("en") != step.sentence("fr")


@pytest.mark.parametrize("name", sorted(files()))
def test_every_changed_bit_is_noticed(tmp_path: Path, name: str) -> None:
    data = files()[name]
    written(tmp_path, files())
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(Unverified):
            verify_export(tmp_path, POLICY)


@pytest.mark.parametrize("name", sorted(files().keys() - {MANIFEST, NOTE}))
def test_every_missing_file_is_noticed(tmp_path: Path, name: str) -> None:
    written(tmp_path, files())
    (tmp_path / name).unlink()
    refused(tmp_path, "VER-15")


@pytest.mark.parametrize("name", ["more.txt", ".hidden", "receipts/more.tlog-proof", "deeper/more"])
def test_every_other_file_is_noticed(tmp_path: Path, name: str) -> None:
    refused(written(tmp_path, {**files(), name: b""}), "VER-15")


@pytest.mark.parametrize(
    "line",
    [{**LINE, "reader_id": "awa"}, {**LINE, "revision": "4"}, {**LINE, "group_id": "h"}, {**LINE, "of": 2}],
)
def test_whoever_signs_cannot_tell_an_access_otherwise_than_the_log(tmp_path: Path, line: dict[str, object]) -> None:
    refused(written(tmp_path, signed_again(files(line))), "VER-16")


def test_whoever_signs_cannot_leave_a_receipt_out_or_add_one(tmp_path: Path) -> None:
    made = files()
    refused(written(tmp_path / "less", signed_again({k: v for k, v in made.items() if "receipts" not in k})), "VER-15")
    refused(written(tmp_path / "more", signed_again({**made, receipt_name(UNPROVEN_ID): b"x"})), "VER-15")
    refused(written(tmp_path / "line", signed_again({**made, ACCESSES: made[ACCESSES].splitlines(True)[0]})), "VER-15")


def test_it_is_signed_by_the_logs_ed25519_key_alone(tmp_path: Path) -> None:
    made = files()
    text = statement(ORIGIN, made[MANIFEST])
    written(tmp_path, made)
    for signer, id in ((COUNCIL, "VER-03"), (LOG_MLDSA, "VER-03")):
        payload = LOG.sign(text).payload
        other = Note(text, (type(LOG.sign(text))(signer.name, signer.verifier.key_id, payload),))
        (tmp_path / NOTE).write_bytes(bytes(other))
        refused(tmp_path, id)
    (tmp_path / NOTE).write_bytes(bytes(Note(text, (LOG.sign(text), LOG.sign(text)))))
    refused(tmp_path, "VER-15")


def test_what_is_signed_of_an_export_is_no_checkpoint_and_the_other_way_round(tmp_path: Path) -> None:
    manifest = files()[MANIFEST]
    note = sealed(statement(ORIGIN, manifest))
    with pytest.raises(Unverified, match="VER-01"):
        open_checkpoint(note, ORIGIN, (LOG.verifier,))
    checkpoint = str(Checkpoint(ORIGIN, 11, hashlib.sha256(manifest).digest()))  # type: ignore[arg-type]
    assert parse_checkpoint(checkpoint).size == 11
    refused(written(tmp_path, {**files(), NOTE: sealed(checkpoint)}), "VER-15")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]\n",
        b"{}\n",
        b'{"accesses": 1, "files": [], "without_receipt": {}}\n',
        b'{"accesses": 1, "files": {"../x": {"bytes": 1, "sha256": ""}}, "without_receipt": {}}\n',
        files()[MANIFEST].rstrip(),
        files()[MANIFEST].replace(b'"accesses": 2', b'"accesses": true'),
        files()[MANIFEST].replace(b"accesses.csv", b"../elsewhere"),
        files()[MANIFEST].replace(b'"AUD-05"', b"5"),
        b"[" * 100_000,
    ],
)
def test_a_manifest_is_written_in_one_way(data: bytes) -> None:
    with pytest.raises(Unverified, match="VER-01"):
        parse_manifest(data)


def test_a_manifest_comes_back() -> None:
    data = files()[MANIFEST]
    assert format_manifest(parse_manifest(data)) == data


def test_the_record_of_the_receipt_is_the_one_that_is_compared() -> None:
    assert json.loads(RECORD)["access"] == {"reader_id": "léo"}
