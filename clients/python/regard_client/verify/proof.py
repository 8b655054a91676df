"""Proofs in a file: that an entry is in a log whose checkpoint was witnessed, to be verified offline.

Specification: https://c2sp.org/tlog-proof (2026-07-22, no version yet).
"""

from dataclasses import dataclass

from regard_client.verify.hashing import format_hash, parse_base64, parse_decimal, parse_hash
from regard_client.verify.notes import MAX_BYTES, Note, parse_note
from regard_client.verify.reasons import malformed
from regard_client.verify.tree import Proof

_WHAT = "tlog-proof"
_HEADER = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Entry `index` is in the tree that `checkpoint` is the note of, by `hashes`. `extra` is not authenticated."""

    index: int
    hashes: Proof
    checkpoint: Note
    extra: bytes = b""

    def __bytes__(self) -> bytes:
        """The file."""
        extra = [f"extra {format_hash(self.extra)}"] if self.extra else []
        lines = [_HEADER, *extra, f"index {self.index}", *map(format_hash, self.hashes), "", ""]
        return "\n".join(lines).encode() + bytes(self.checkpoint)


def parse_proof(data: bytes) -> TlogProof:
    """The inverse of `bytes(proof)`; Unverified for every other file. Section "Format"."""
    if len(data) > MAX_BYTES:
        raise malformed(_WHAT, f"at most {MAX_BYTES} bytes")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise malformed(_WHAT, "lines, an empty line, and a checkpoint")
    header, *lines = head.decode().split("\n")
    if header != _HEADER:
        raise malformed(_WHAT, _HEADER)
    extra = (
        parse_base64(lines.pop(0).removeprefix("extra "), _WHAT) if lines and lines[0].startswith("extra ") else None
    )
    if extra == b"" or not lines or not lines[0].startswith("index "):
        raise malformed(_WHAT, "extra data if there is any, then the index")
    index, *hashes = lines
    if len(hashes) > _MOST_HASHES:
        raise malformed(_WHAT, f"at most {_MOST_HASHES} hashes")
    return TlogProof(
        parse_decimal(index.removeprefix("index "), _WHAT),
        tuple(parse_hash(line, _WHAT) for line in hashes),
        parse_note(checkpoint),
        extra or b"",
    )
