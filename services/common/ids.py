"""Identifiers: UUIDs as strings, names of streams, positions in the log."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import NewType

from services.common.clock import Clock

StreamName = NewType("StreamName", str)
"""`<category>-<id>`; the category is the text before the first hyphen."""

Position = NewType("Position", int)
"""Place of an event in the whole log: strictly increasing, 0 means before everything."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(clock: Clock) -> str:
    """A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, 74 random bits, so that ids sort by age."""
    milliseconds = (clock() - _EPOCH) // timedelta(milliseconds=1)
    random = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def derived_id(namespace: str, *parts: str) -> str:
    """The same UUID (version 5) for the same parts inside `namespace`, itself a UUID; else ValueError."""
    return str(uuid.uuid5(uuid.UUID(namespace), "/".join(parts)))


def stream_name(category: str, key: str) -> StreamName:
    """The stream of the aggregate `key`; ValueError if the category could not be read back."""
    if not category or "-" in category or not key:
        raise ValueError(f"not a stream name: category {category!r}, key {key!r}")
    return StreamName(f"{category}-{key}")


def category_of(stream: str) -> str:
    """The text before the first hyphen: `group` for `group-<uuid>`."""
    return stream.partition("-")[0]


def key_of(stream: str) -> str:
    """The text after the first hyphen: the uuid of `group-<uuid>`; empty if there is none."""
    return stream.partition("-")[2]
