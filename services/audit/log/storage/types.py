"""What the log asks of its storage."""

from typing import Protocol

from services.audit.refusals import LOG_STORAGE_AWAY
from services.common.errors import Refused


class Conflict(Exception):
    """A path holds something else than it should: `found` where `expected` was, or was to be. None is nothing."""

    def __init__(self, path: str, expected: bytes | None, found: bytes | None) -> None:
        self.path = path
        self.expected = expected
        self.found = found
        super().__init__(f"{path} holds something else than expected")


def unavailable(error: Exception) -> Refused:
    """The refusal for a storage that does not do what it is asked (AUD-10)."""
    reason = error.strerror if isinstance(error, OSError) else None
    return LOG_STORAGE_AWAY(reason=reason or type(error).__name__)


class Storage(Protocol):
    """Files by path. All methods block, may be called from any thread, and raise Refused (AUD-10) when it is away.

    What a method has done when it returns survives power loss; after AUD-10 it may be done or not.
    """

    def put(self, path: str, data: bytes) -> None:
        """Writes a file that never changes: the same bytes again are fine, others raise Conflict."""

    def replace(self, path: str, old: bytes | None, new: bytes) -> None:
        """Writes the one file that changes, if it still holds `old` (None: if there is none), else raises Conflict."""

    def get(self, path: str) -> bytes | None:
        """The file's bytes; None if there is none."""

    def delete(self, path: str) -> None:
        """Removes a file, if there is one."""
