"""The hashes of a log's tree, and how hashes and numbers are written in its text formats.

Specification: RFC 6962, section 2.1, with SHA-256. The prefixes keep leaves and nodes apart, so that no node can be
passed off as an entry.
"""

import base64
import binascii
import hashlib
import re
from typing import NewType

from regard_client.verify.reasons import malformed

Hash = NewType("Hash", bytes)
"""32 bytes: of a leaf, a node or a root."""

HASH_BYTES = 32
MAX_SIZE = (1 << 63) - 1
"""The largest tree size, and the largest time in seconds, that the formats allow."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def leaf_hash(entry: bytes) -> Hash:
    """The hash of an entry as a leaf."""
    return Hash(hashlib.sha256(b"\x00" + entry).digest())


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of two neighbours as one node."""
    return Hash(hashlib.sha256(b"\x01" + left + right).digest())


EMPTY_ROOT = Hash(hashlib.sha256(b"").digest())
"""The root of the tree without entries."""


def format_hash(value: bytes) -> str:
    """Bytes in base64 (RFC 4648, section 4, with padding)."""
    return base64.b64encode(value).decode("ascii")


def parse_hash(text: str, what: str) -> Hash:
    """The inverse of `format_hash` for 32 bytes; Unverified, naming `what`, for anything else."""
    value = parse_base64(text, what)
    if len(value) != HASH_BYTES:
        raise malformed(what, "a hash has 32 bytes")
    return Hash(value)


def parse_base64(text: str, what: str) -> bytes:
    """The bytes, if `text` is the one way to write them; Unverified, naming `what`, otherwise."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise malformed(what, "base64 of RFC 4648, section 4") from None
    if format_hash(value) != text:  # Python lets the unused bits of the last character be anything
        raise malformed(what, "base64 of RFC 4648, section 4, in canonical form")
    return value


def parse_decimal(text: str, what: str) -> int:
    """A number from 0 to 2^63 - 1, ASCII decimal without leading zeroes; Unverified, naming `what`, otherwise."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise malformed(what, "numbers are ASCII decimal without leading zeroes, at most 2^63 - 1")
    return number
