"""Checkpoints: what a log says its tree is at a size, as the text of a signed note.

Specification: https://c2sp.org/tlog-checkpoint@v1.0.0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from regard_client.verify.hashing import Hash, format_hash, parse_decimal, parse_hash
from regard_client.verify.notes import Note, V, open_note, parse_note
from regard_client.verify.reasons import OTHER_LOG, malformed

_WHAT = "tlog-checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of the log `origin`. Regard's own logs have no extension lines: no monitor could audit them."""

    origin: str
    size: int
    root: Hash
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The note's text. Section "Note text"."""
        lines = (self.origin, str(self.size), format_hash(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """The inverse of `str(checkpoint)`; Unverified for every other text. Section "Note text"."""
    *lines, rest = text.split("\n")
    if rest or len(lines) < 3:
        raise malformed(_WHAT, "at least three lines that end in newlines")
    origin, size, root, *extensions = lines
    if not origin or not all(extensions):
        raise malformed(_WHAT, "neither origin nor extension lines are empty")
    return Checkpoint(origin, parse_decimal(size, _WHAT), parse_hash(root, _WHAT), tuple(extensions))


def open_checkpoint(data: bytes, origin: str, log_keys: Iterable[V]) -> tuple[Checkpoint, Note]:
    """A checkpoint as the log `origin` serves it, with its note, once a key of that log is seen to have signed it.

    Section "Signatures". Raises Unverified.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise OTHER_LOG(origin=checkpoint.origin, wanted=origin, evidence={"note": data})
    open_note(note, log_keys)
    return checkpoint, note
