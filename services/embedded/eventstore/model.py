"""The values of the store.

A stream is a name and the revisions 0, 1, 2 ... of its events. Its metadata are the events of the stream `$$<name>`.
"""

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

NO_STREAM: Final = -1
ANY: Final = -2
EXISTS: Final = -4
"""Expected revisions that are not a number, as the protocol's error texts spell them."""

TOMBSTONED: Final = 2**63 - 1
"""The last revision of a tombstoned stream, and the `$tb` of a deleted one."""

APPEND_LIMIT_BYTES: Final = 1024 * 1024
"""What one append may hold of data and metadata."""

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"


class Proposed(NamedTuple):
    """An event to append; `id` is 16 bytes."""

    id: bytes
    type: str
    content_type: str
    metadata: bytes
    data: bytes


class Recorded(NamedTuple):
    """An event of the log; `created_us` counts from 1970-01-01 UTC in microseconds."""

    position: int
    stream: str
    revision: int
    id: bytes
    type: str
    content_type: str
    created_us: int
    metadata: bytes
    data: bytes

    @property
    def size_bytes(self) -> int:
        """About what the event takes in memory."""
        return len(self.data) + len(self.metadata) + len(self.stream) + len(self.type) + 200


@dataclass(frozen=True, slots=True)
class Retention:
    """Which events of a stream its readers see; $all shows every event."""

    truncate_before: int = 0
    max_count: int | None = None
    max_age_s: int | None = None

    @property
    def deleted(self) -> bool:
        """Whether the stream was deleted and not written to since."""
        return self.truncate_before == TOMBSTONED

    def first_revision(self, last: int) -> int:
        """The oldest revision that count and truncation leave visible."""
        return max(self.truncate_before, 0 if self.max_count is None else last - self.max_count + 1)

    def created_since_us(self, now_us: int) -> int:
        """The oldest time of recording that is still visible."""
        return 0 if self.max_age_s is None else now_us - self.max_age_s * 1_000_000

    @classmethod
    def of_metadata(cls, data: bytes) -> "Retention":
        """What a `$metadata` event asks for; what isn't a positive number is ignored, as is text that isn't JSON."""
        document = json_object(data)
        before, count, age = (_positive(document.get(key)) for key in ("$tb", "$maxCount", "$maxAge"))
        return cls(truncate_before=min(before or 0, TOMBSTONED), max_count=count, max_age_s=age)


METADATA_RETENTION: Final = Retention(max_count=1)
"""A metastream shows its last event."""


def json_object(data: bytes) -> dict[str, object]:
    """The JSON object that `data` spells; empty if it spells something else."""
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a stream; `key` is its number in the database, 0 if it has none yet."""

    key: int = 0
    last: int = -1
    retention: Retention = Retention()

    @property
    def tombstoned(self) -> bool:
        """Whether the name is gone for ever."""
        return self.last == TOMBSTONED

    @property
    def readable(self) -> bool:
        """Whether the stream exists for its readers, be it with no event left to see."""
        return self.last >= 0 and not self.tombstoned and not self.retention.deleted


def metastream(stream: str) -> str:
    """The stream that holds the metadata of `stream`."""
    return f"$${stream}"


def described_stream(stream: str) -> str | None:
    """The stream that `stream` holds the metadata of, if it is a metastream."""
    return stream[2:] if stream.startswith("$$") and len(stream) > 2 else None


# ------------------------------------------------------------------- what can be asked of the journal


@dataclass(frozen=True, slots=True)
class Append:
    """Append all of `events` or none, if `stream` is at revision `expected`."""

    stream: str
    events: tuple[Proposed, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Hide the events of `stream`; a later append continues its numbering."""

    stream: str
    expected: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """End `stream` for ever."""

    stream: str
    expected: int


Operation = Append | Delete | Tombstone


# ------------------------------------------------------------------------------- and what comes of it


@dataclass(frozen=True, slots=True)
class Appended:
    """Done, now or by the operation that this one repeats; `revision` and `position` are the last event's."""

    revision: int
    position: int


@dataclass(frozen=True, slots=True)
class WrongRevision:
    """Refused: the stream is at `actual` (-1: there is none)."""

    actual: int


@dataclass(frozen=True, slots=True)
class StreamDeleted:
    """Refused: the stream is tombstoned."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Refused: the deadline passed before the operation's turn."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Refused: the storage did not take it; `full` if for want of room."""

    full: bool


Outcome = Appended | WrongRevision | StreamDeleted | Expired | Unwritten
