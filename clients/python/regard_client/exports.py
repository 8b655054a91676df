"""Taking accesses out of the ledger into a folder, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from regard.audit.v1.audit_pb2 import ExportAccessesRequest, ExportAccessesResponse, SearchAccessesRequest

from regard_client.client import Regard
from regard_client.verify.export import ACCESSES, MANIFEST, NOTE, RECEIPTS, is_name, parse_manifest, require_files

Told = Callable[[int, int], None]
"""Called with how many accesses have come, and of how many."""


class BadExport(Exception):
    """What came is no export: nothing was kept of it."""


def _nothing(_done: int, _of: int) -> None:
    pass


def export(regard: Regard, query: SearchAccessesRequest, folder: Path, told: Told = _nothing) -> None:
    """Writes what the query finds into a folder, which must not exist; for its owner only: it tells who accessed what.

    Each of the groups sees it. Raises RegardError; OSError, FileExistsError among them; BadExport, and Unverified if
    files are not as their manifest says. Who signed that is for `verify_export` to say.
    """
    if os.path.lexists(folder):
        raise FileExistsError(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        _receive(regard, query, draft, told)
        require_files(draft, parse_manifest((draft / MANIFEST).read_bytes()))
        draft.rename(folder)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(draft)


def _receive(regard: Regard, query: SearchAccessesRequest, folder: Path, told: Told) -> None:
    done = of = 0
    (folder / RECEIPTS).mkdir(mode=0o700)
    signed = False
    for frame in regard.audit.ExportAccesses(ExportAccessesRequest(query=query)):
        of = frame.accesses or of
        done += sum(_write(folder, piece) for piece in frame.pieces)
        signed |= any(piece.name == NOTE for piece in frame.pieces)
        told(done, max(done, of))
    if not signed:
        raise BadExport


def _write(folder: Path, piece: ExportAccessesResponse.Piece) -> int:
    """Adds it to its file; how many accesses it holds."""
    if not is_name(piece.name) and piece.name not in (MANIFEST, NOTE):
        raise BadExport
    with open(folder / piece.name, "ab", opener=_private) as file:
        file.write(piece.data)
    return piece.data.count(b"\n") if piece.name == ACCESSES else 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
