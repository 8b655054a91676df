"""Disks that can be full: a small file system in memory, or, where nothing may be mounted, files that cannot grow."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.product import Product, children

_SIZE = "64m"
_CHUNK_BYTES = 65_536


class Disk(Protocol):
    """What a product's data and log lie on."""

    def fill(self, product: Product, left_bytes: int) -> None:
        """From now on there is no room."""

    def free(self, product: Product) -> None:
        """There is room again."""


class SmallDisk:
    """A tmpfs: what is full is full for everything on it (ENOSPC)."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ballast = folder, folder / "ballast"

    def fill(self, product: Product, left_bytes: int) -> None:
        with self._ballast.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while (more := self._free_bytes() - left_bytes) > 0:
                ballast.write(bytes(min(more, _CHUNK_BYTES)))

    def free(self, product: Product) -> None:
        self._ballast.unlink(missing_ok=True)

    def _free_bytes(self) -> int:
        told = os.statvfs(self._folder)
        return told.f_bavail * told.f_frsize


class SmallFiles:
    """A limit on how large files may be (EFBIG): `left_bytes` is that size."""

    def fill(self, product: Product, left_bytes: int) -> None:
        self._limit(product, left_bytes)

    def free(self, product: Product) -> None:
        self._limit(product, None)

    @staticmethod
    def _limit(product: Product, most_bytes: int | None) -> None:
        # Not Envoy, which the signal of such a limit ends.
        beside = (pid for pid, name in children(product.child.pid).items() if "envoy" not in name)
        for pid in (product.child.pid, *beside):
            with contextlib.suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if most_bytes is None else most_bytes, hard))


@contextlib.contextmanager
def disk(kind: str, folder: Path) -> Iterator[Disk]:
    """A "tmpfs" on that folder, or "files", until the block ends."""
    folder.mkdir()
    if kind == "files":
        yield SmallFiles()
        return
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here; files that cannot grow are tried beside this")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
