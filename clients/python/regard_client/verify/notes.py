"""Signed notes: a text, and who signed it.

Specification: https://c2sp.org/signed-note@v1.0.0. What a signature is depends on its type: see `keys`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from regard_client.verify.hashing import format_hash, parse_base64
from regard_client.verify.reasons import BAD_SIGNATURE, UNSIGNED, malformed

MAX_BYTES = 1_000_000
MAX_SIGNATURES = 64
"""Section "Format": verifiers limit both, and accept at least 16 signatures."""

_SIGNATURE = re.compile(r"— (\S+) (\S+)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: what `payload` is depends on the key's type."""

    name: str
    key_id: bytes
    payload: bytes

    def __str__(self) -> str:
        """The line, newline included."""
        return f"— {self.name} {format_hash(self.key_id + self.payload)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures, which say nothing until they are verified."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __bytes__(self) -> bytes:
        """The note as it is stored and sent."""
        return "".join((self.text, "\n", *map(str, self.signatures))).encode()

    def with_signatures(self, *signatures: Signature) -> "Note":
        """The note with more signatures."""
        return Note(self.text, (*self.signatures, *signatures))


def parse_note(data: bytes) -> Note:
    """The inverse of `bytes(note)`; Unverified for all that is not a signed note. Section "Format"."""
    text, separator, lines = _decoded(data).rpartition("\n\n")
    if not separator:
        raise malformed("signed note", "a text, an empty line, and signature lines")
    return Note(text + "\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """One or more signature lines; Unverified for anything else."""
    *found, rest = lines.split("\n")
    if rest or not 1 <= len(found) <= MAX_SIGNATURES:
        raise malformed("signed note", f"1 to {MAX_SIGNATURES} signature lines that end in newlines")
    return tuple(_parse_signature(line) for line in found)


def _parse_signature(line: str) -> Signature:
    parts = _SIGNATURE.fullmatch(line)
    if not parts or not is_key_name(parts[1]):
        raise malformed("signed note", "a signature line is: em dash, key name, base64")
    signature = parse_base64(parts[2], "signed note")
    if len(signature) < 5:
        raise malformed("signed note", "a signature has a key id of 4 bytes before it")
    return Signature(parts[1], signature[:4], signature[4:])


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise malformed("signed note", f"at most {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise malformed("signed note", "valid UTF-8") from None
    if _CONTROL.search(text):
        raise malformed("signed note", "no control character but the newline")
    return text


def is_key_name(name: str) -> bool:
    """Whether this can be a key's name: not empty, valid UTF-8, neither Unicode spaces nor a plus."""
    return bool(name) and not any(one == "+" or one.isspace() or "\ud800" <= one <= "\udfff" for one in name)


class Verifier(Protocol):
    """A key that verifies one type of signature."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """The key's id, 4 bytes."""

    def verifies(self, text: str, payload: bytes) -> bool:
        """Whether `payload` is this key's signature of the note's text."""


V = TypeVar("V", bound=Verifier)


def open_note(note: Note, keys: Iterable[V]) -> tuple[tuple[V, Signature], ...]:
    """The signatures by known keys, each with its key, all of them verified.

    Section "Signatures": those by unknown keys are ignored; one by a known key that is wrong spoils the note; without
    any by a known key the note is refused.
    """
    known = {(key.name, key.key_id): key for key in keys}
    verified = list[tuple[V, Signature]]()
    for signature in note.signatures:
        if not (key := known.get((signature.name, signature.key_id))):
            continue
        if not key.verifies(note.text, signature.payload):
            raise BAD_SIGNATURE(name=signature.name, evidence={"note": bytes(note)})
        verified.append((key, signature))
    if not verified:
        raise UNSIGNED(evidence={"note": bytes(note)})
    return tuple(verified)
