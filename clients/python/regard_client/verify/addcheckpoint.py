"""What a log sends to a witness to have a checkpoint cosigned, and what a witness must check before it does.

Specification: https://c2sp.org/tlog-witness@v1.0.0, section "add-checkpoint". Pure: what keeps the state and
speaks HTTP is in `regard_client.witness`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from regard_client.verify.checkpoint import Checkpoint, parse_checkpoint
from regard_client.verify.hashing import EMPTY_ROOT, format_hash, parse_decimal, parse_hash
from regard_client.verify.keys import VerifierKey
from regard_client.verify.notes import MAX_BYTES, Note, Signature, open_note, parse_note
from regard_client.verify.reasons import Unverified, malformed
from regard_client.verify.tree import Proof, verify_consistency

PATH = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
_WHAT = "add-checkpoint request"
_MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the witness is thought to know, the proof from there on, and the new checkpoint."""

    old: int
    proof: Proof
    note: Note

    def __bytes__(self) -> bytes:
        """The body."""
        lines = (f"old {self.old}", *map(format_hash, self.proof), "", "")
        return "\n".join(lines).encode() + bytes(self.note)


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """The inverse of `bytes(request)`; Unverified for every other body."""
    head, separator, note = data.partition(b"\n\n")
    if not separator or not head.isascii() or len(data) > MAX_BYTES:
        raise malformed(_WHAT, "an old size, hashes, an empty line, and a checkpoint")
    old, *hashes = head.decode().split("\n")
    if not old.startswith("old ") or len(hashes) > _MOST_HASHES:
        raise malformed(_WHAT, f"an old size, and at most {_MOST_HASHES} hashes")
    proof = tuple(parse_hash(line, _WHAT) for line in hashes)
    return AddCheckpoint(parse_decimal(old.removeprefix("old "), _WHAT), proof, parse_note(note))


class Status(IntEnum):
    """What a witness answers, as HTTP statuses."""

    COSIGNED = 200
    MALFORMED = 400
    UNTRUSTED = 403
    UNKNOWN_LOG = 404
    CONFLICT = 409
    INCONSISTENT = 422


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that a log of the witness's signed, with those signatures only."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]


def authenticate(note: Note, logs: Iterable[VerifierKey]) -> Signed | Status:
    """The checkpoint, if it is one of a log that the witness knows, signed by it; the status to answer otherwise."""
    try:
        checkpoint = parse_checkpoint(note.text)
    except Unverified:
        return Status.MALFORMED
    keys = [key for key in logs if key.name == checkpoint.origin]
    if not keys:  # "If the checkpoint origin is unknown, the witness MUST respond with a 404"
        return Status.UNKNOWN_LOG
    try:
        signed = open_note(note, keys)
    except Unverified:  # "a 403 if either no signature from a trusted key is present, or [one] fails to verify"
        return Status.UNTRUSTED
    return Signed(checkpoint, tuple(signature for _, signature in signed))


def judge(request: AddCheckpoint, new: Checkpoint, latest: Checkpoint | None) -> Status:
    """Whether a witness that cosigned `latest` for this origin, or nothing yet, cosigns `new`; COSIGNED if it does."""
    # "The old size MUST be equal to or lower than the checkpoint size. Otherwise, [...] 400"
    if request.old > new.size:
        return Status.MALFORMED
    # "check that the old size matches the size of the latest checkpoint it cosigned [...] (or zero) [...] 409"
    if request.old != (latest.size if latest else 0):
        return Status.CONFLICT
    try:
        # "A checkpoint of size zero MUST have the root hash of the empty tree", "if the proof is not empty when the old
        # size is zero", "if a Merkle Consistency Proof doesn't verify", "if the root hashes don't match": 422
        verify_consistency(request.old, new.size, request.proof, latest.root if latest else EMPTY_ROOT, new.root)
    except Unverified:
        return Status.INCONSISTENT
    return Status.COSIGNED
