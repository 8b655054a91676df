"""Opaque page tokens: where a list goes on, as the key of the last entry given."""

import base64
import binascii
import json
from typing import TypeVar

from regard.common.v1.common_pb2 import PageRequest

from services.common.errors import Kind, refusal

DEFAULT_SIZE = 50
_to_json = json.JSONEncoder(separators=(",", ":")).encode
Key = TypeVar("Key", bound=tuple[str | int, ...])

MALFORMED_TOKEN = refusal(
    "RPC-20",
    Kind.INVALID_ARGUMENT,
    en="The page token or cursor is not one that this service gave.",
    fr="Le jeton de page ou le curseur n’a pas été donné par ce service.",
    remedy_en="Begin again without it.",
    remedy_fr="Recommencez sans lui.",
)


def size_of(page: PageRequest) -> int:
    """How many entries to give."""
    return page.size or DEFAULT_SIZE


def encode(key: tuple[str | int, ...]) -> str:
    """The token for the page after the entry with this key."""
    return _token(_to_json(key))


def encode_numbers(key: list[int]) -> str:
    """The same for numbers, in a third of the time: a stream encodes a cursor with each frame."""
    return _token(str(key).replace(" ", ""))


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode(token: str, like: Key) -> Key | None:
    """The key in the token; None for the first page. Raises Refused unless it has the types of `like`."""
    if not token:
        return None
    try:
        key = tuple(json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise MALFORMED_TOKEN() from None
    if [type(part) for part in key] != [type(part) for part in like]:
        raise MALFORMED_TOKEN()
    if any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in key):
        raise MALFORMED_TOKEN()
    return key  # type: ignore[return-value]  # the types were just compared
