"""Exports: what an auditor took out of the ledger, as a folder that anybody can verify without us.

    accesses.jsonl               the accesses, newest first, as the ledger has them
    accesses.csv                 the same for spreadsheets
    accesses.ocsf.jsonl          the same as events of the Open Cybersecurity Schema Framework
    receipts/<access>.tlog-proof the receipt of each
    manifest.json                who asked for what, when and why; each file's size and SHA-256; which have no receipt
    manifest.note                a signed note by the log's Ed25519 key about the manifest

The note is no checkpoint, and no checkpoint is such a note: its first line is no log's name, its second no number.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from regard_client.verify.hashing import format_hash
from regard_client.verify.keys import Type, VerifierKey
from regard_client.verify.notes import open_note, parse_note
from regard_client.verify.policy import Policy
from regard_client.verify.reasons import EXPORT_CHANGED, OTHER_RECORD, malformed
from regard_client.verify.receipt import SUFFIX, Step, verify_receipt
from regard_client.verify.record import Record

ACCESSES, TABLE, EVENTS = "accesses.jsonl", "accesses.csv", "accesses.ocsf.jsonl"
RECEIPTS = "receipts"
MANIFEST, NOTE = "manifest.json", "manifest.note"

Told = Callable[[int, int], object]
"""Called with how many accesses are done, and of how many."""

_WHAT = "manifest of an export"
_STATEMENT = "regard.export/v1"
_NAME = re.compile(rf"accesses(\.ocsf)?\.jsonl|accesses\.csv|{RECEIPTS}/[0-9a-f-]{{36}}\{SUFFIX}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says. `files`: size and SHA-256 in hexadecimal by name; `unproven`: a reason's id by access."""

    said: Mapping[str, object]
    accesses: int
    files: Mapping[str, tuple[int, str]]
    unproven: Mapping[str, str]


def statement(origin: str, manifest: bytes) -> str:
    """The text of the note by which the log `origin` signs a manifest."""
    digest = hashlib.sha256(manifest).digest()
    return f"{_STATEMENT}\nlog {origin}\n{format_hash(digest)}\n"


def is_name(name: str) -> bool:
    """Whether an export can have a file of this name, besides manifest and note."""
    return _NAME.fullmatch(name) is not None


def receipt_name(access_id: str) -> str:
    """The name of the file with the receipt of an access."""
    return f"{RECEIPTS}/{access_id}{SUFFIX}"


def format_manifest(manifest: Manifest) -> bytes:
    """The manifest as a file."""
    files = {name: {"bytes": size, "sha256": digest} for name, (size, digest) in manifest.files.items()}
    said = {**manifest.said, "accesses": manifest.accesses, "files": files, "without_receipt": dict(manifest.unproven)}
    return json.dumps(said, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """The inverse of `format_manifest`; Unverified for every other file."""
    try:
        said = json.loads(data.decode())
        accesses, files, unproven = said.pop("accesses"), said.pop("files"), said.pop("without_receipt")
        sizes = {name: (one["bytes"], one["sha256"]) for name, one in files.items()}
        manifest = Manifest(said, accesses, sizes, unproven)
        same = format_manifest(manifest) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise malformed(_WHAT, "one JSON object with accesses, files and without_receipt") from None
    if not same or not _well_typed(manifest):
        raise malformed(_WHAT, "sizes, hashes and names are written in one way")
    return manifest


def _well_typed(manifest: Manifest) -> bool:
    sizes_are = all(
        type(size) is int and size >= 0 and isinstance(digest, str) for size, digest in manifest.files.values()
    )
    unproven = manifest.unproven
    reasons_are = isinstance(unproven, dict) and all(isinstance(one, str) for one in unproven.values())
    return type(manifest.accesses) is int and sizes_are and reasons_are and all(map(is_name, manifest.files))


def require_files(folder: Path, manifest: Manifest) -> None:
    """Raises Unverified unless the folder holds what the manifest names, byte for byte, and nothing else."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    for name in sorted(found ^ {MANIFEST, NOTE, *manifest.files}):
        raise EXPORT_CHANGED(name=name)
    for name, told in manifest.files.items():
        if _measured(folder / name) != told:
            raise EXPORT_CHANGED(name=name)


def _measured(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def verify_export(
    folder: Path,
    policy: Policy,
    tell: Callable[[Step], object] = lambda step: None,
    told: Told = lambda done, of: None,
) -> Manifest:
    """What the folder holds, to those who trust the policy; each step is told as it succeeds.

    Raises Unverified, OSError.
    """
    data = (folder / MANIFEST).read_bytes()
    key = _signer((folder / NOTE).read_bytes(), data, policy)
    tell(_signed(key))
    manifest = parse_manifest(data)
    require_files(folder, manifest)
    tell(_whole(manifest))
    _verify_accesses(folder, manifest, policy, told)
    tell(_proven(manifest))
    return manifest


def _signer(note: bytes, manifest: bytes, policy: Policy) -> VerifierKey:
    """The key of the policy that signed the manifest. Raises Unverified."""
    parsed = parse_note(note)
    keys = [log.key for log in policy.logs if log.key.type is Type.ED25519]
    ((key, _), *_others) = open_note(parsed, keys)
    # One form of the file, so that every bit of it counts.
    if parsed.text != statement(key.name, manifest) or len(parsed.signatures) != 1 or bytes(parsed) != note:
        raise EXPORT_CHANGED(name=MANIFEST, evidence={"note": note})
    return key


def _verify_accesses(folder: Path, manifest: Manifest, policy: Policy, told: Told) -> None:
    receipts = {name for name in manifest.files if name.startswith(RECEIPTS)}
    count = 0
    with (folder / ACCESSES).open("rb") as lines:
        for count, line in enumerate(lines, start=1):
            access = _parsed(line)
            access_id = str(access.get("access_id"))
            if access_id not in manifest.unproven:
                name = receipt_name(access_id)
                if name not in receipts:
                    raise EXPORT_CHANGED(name=name)
                receipts.remove(name)
                receipt = (folder / name).read_bytes()
                if not _agrees(access, verify_receipt(receipt, policy).record):
                    raise OTHER_RECORD(access=access_id, evidence={"receipt": receipt, "line": line})
            told(count, manifest.accesses)
    if receipts or count != manifest.accesses:
        raise EXPORT_CHANGED(name=ACCESSES)


def _parsed(line: bytes) -> Mapping[str, object]:
    try:
        access = json.loads(line)
    except ValueError:
        access = None
    if not isinstance(access, dict):
        raise malformed("line of an export", "one JSON object")
    return access


def _agrees(access: Mapping[str, object], record: Record) -> bool:
    """Whether the line says of the access what its record does."""
    recorded = record.get("access")
    place = {"group_id": record.get("group"), "revision": str(record.get("revision")), "of": record.get("of")}
    # What members were told of later stands on the stream of its break-glass, and its record names the group.
    own = isinstance(recorded, dict) and "group_id" in recorded
    ledger = access.get("break_glass_id" if own else "group_id")
    told = {"group_id": ledger, "revision": access.get("revision", "0"), "of": access.get("of")}
    index = access.get("index", 0) == record.get("index")
    return index and told == place and isinstance(recorded, dict) and recorded.items() <= access.items()


def _signed(key: VerifierKey) -> Step:
    return Step(
        "signed",
        f"The log {key.name} signed the manifest: {key.type.name} {key.key_id.hex()}.",
        f"Le journal {key.name} a signé le manifeste : {key.type.name} {key.key_id.hex()}.",
    )


def _whole(manifest: Manifest) -> Step:
    count, size = len(manifest.files), sum(size for size, _ in manifest.files.values())
    return Step(
        "whole",
        f"The {count} files that it names are there as they were, {size} bytes, and no other.",
        f"Les {count} fichiers qu’il nomme sont là, inchangés, {size} octets, et aucun autre.",
    )


def _proven(manifest: Manifest) -> Step:
    proven, without = manifest.accesses - len(manifest.unproven), len(manifest.unproven)
    return Step(
        "proven",
        f"{proven} accesses are in the log, as their receipts prove; {without} have none, as the manifest says.",
        f"{proven} accès sont au journal, leurs reçus le prouvent ; {without} n’en ont pas, le manifeste le dit.",
    )
