"""The log's files as objects in a bucket: S3, or whatever speaks its protocol.

What never changes is written with `If-None-Match: *`, what changes with `If-Match`: the store compares and swaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError
from obstore.store import from_url

from services.audit.log.storage.types import Conflict, Storage, unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LIMIT_S = 10
_MISSING = (FileNotFoundError, NotFoundError)


class ObjectStorage(Storage):
    """Keeps objects in a store, which is durable and strongly consistent, as S3 is."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> ObjectStorage:
        """The bucket of `s3://bucket/prefix`; how to reach it say AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and others.

        Raises ValueError for what is no address of a bucket.
        """
        limits = {"timeout": f"{_LIMIT_S}s", "connect_timeout": "2s", "allow_http": True}
        retries = {"max_retries": 2, "retry_timeout": timedelta(seconds=_LIMIT_S)}
        try:
            return cls(from_url(url, client_options=limits, retry_config=retries))  # type: ignore[call-overload]
        except BaseError as error:
            raise ValueError("not the address of a bucket") from error

    def put(self, path: str, data: bytes) -> None:
        """See Storage."""
        with _told():
            try:
                obstore.put(self._store, path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                if (found := self._read(path)) != data:
                    raise Conflict(path, data, found) from None

    def replace(self, path: str, old: bytes | None, new: bytes) -> None:
        """See Storage."""
        with _told():
            found, e_tag = self._tagged(path)
            if found != old:
                raise Conflict(path, old, found)
            try:
                mode = "create" if e_tag is None else {"e_tag": e_tag}
                obstore.put(self._store, path, new, mode=mode, use_multipart=False)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError):
                raise Conflict(path, old, self._read(path)) from None

    def get(self, path: str) -> bytes | None:
        """See Storage."""
        with _told():
            return self._read(path)

    def delete(self, path: str) -> None:
        """See Storage."""
        with _told():
            try:
                obstore.delete(self._store, path)
            except _MISSING:
                return

    def _read(self, path: str) -> bytes | None:
        return self._tagged(path)[0]

    def _tagged(self, path: str) -> tuple[bytes | None, str | None]:
        """The object with its tag, both None if there is none."""
        try:
            found = obstore.get(self._store, path)
        except _MISSING:
            return None, None
        return bytes(found.bytes()), found.meta["e_tag"]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise unavailable(error) from error
