"""The log's files in a folder: whole or not at all, and there after power loss.

A file is written beside its place, flushed to the disk, and linked or renamed there; then its folder is flushed. A file
that was there already is flushed again, since whoever wrote it may have failed just before that.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.audit.log.storage.types import Conflict, Storage, unavailable

_LOCK = ".lock"


class FolderStorage(Storage):
    """Keeps files below `folder`, which is made when the first is written. Several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, data: bytes) -> None:
        """See Storage."""
        place = self._folder / path
        with _told(), _draft(place, data) as draft:
            try:
                os.link(draft, place)
            except FileExistsError:
                if (found := place.read_bytes()) != data:
                    raise Conflict(path, data, found) from None
                _flush(place)
            _flush(place.parent)

    def replace(self, path: str, old: bytes | None, new: bytes) -> None:
        """See Storage."""
        place = self._folder / path
        with _told(), _draft(place, new) as draft, self._alone():
            if (found := _read(place)) != old:
                raise Conflict(path, old, found)
            os.replace(draft, place)
            _flush(place.parent)

    def get(self, path: str) -> bytes | None:
        """See Storage."""
        with _told():
            return _read(self._folder / path)

    def delete(self, path: str) -> None:
        """See Storage."""
        with _told():
            (self._folder / path).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Between comparing and replacing, nobody else replaces; the system lets go if the process dies."""
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unavailable(error) from error


@contextmanager
def _draft(place: Path, data: bytes) -> Iterator[str]:
    """A file beside `place` that holds `data` durably; what is left of it goes when the block ends."""
    _make(place.parent)
    number, draft = tempfile.mkstemp(dir=place.parent, prefix=".draft-")
    try:
        with open(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(number, 0o644)  # everything in the log is public
            os.fsync(number)
        yield draft
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir()
        _flush(folder.parent)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
