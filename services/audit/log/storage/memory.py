"""The log's files in memory, for tests."""

from threading import Lock

from services.audit.log.storage.types import Conflict, Storage


class MemoryStorage(Storage):
    """Keeps everything in a dict; lost with the process."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._turn = Lock()

    def put(self, path: str, data: bytes) -> None:
        """See Storage."""
        with self._turn:
            found = self.files.setdefault(path, data)
        if found != data:
            raise Conflict(path, data, found)

    def replace(self, path: str, old: bytes | None, new: bytes) -> None:
        """See Storage."""
        with self._turn:
            if (found := self.files.get(path)) != old:
                raise Conflict(path, old, found)
            self.files[path] = new

    def get(self, path: str) -> bytes | None:
        """See Storage."""
        return self.files.get(path)

    def delete(self, path: str) -> None:
        """See Storage."""
        self.files.pop(path, None)
