"""Files of groups: uploading one in parts, and downloading one into a folder, whole and verified, or not at all.

A name comes from somebody else: what is written follows from it, and never leaves the folder or replaces what is there.
"""

import hashlib
import mimetypes
import os
import tempfile
import unicodedata
import uuid
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from regard.feed.v1.feed_pb2 import AddFileRequest, DownloadFileRequest, File, UploadPartRequest

from regard_client.client import Regard

PART_BYTES = 512 * 1024
MOST_BYTES = 64 * 1024 * 1024
_LONGEST_NAME_BYTES = 200
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})

Told = Callable[[int, int], None]
"""Called with how many bytes are done, and of how many."""


class BadDownload(Exception):
    """What came is not what its author uploaded, or nothing comes any more; nothing was kept of it."""


class TooLarge(Exception):
    """The file is larger than 64 MiB."""


def _nothing(_done: int, _of: int) -> None:
    pass


def upload(regard: Regard, group_id: str, path: Path, told: Told = _nothing) -> File:
    """Adds the file to a group. Raises RegardError, OSError, TooLarge."""
    upload_id, digest, done = str(uuid.uuid4()), hashlib.sha256(), 0
    with path.open("rb") as file:
        of = os.fstat(file.fileno()).st_size
        if of > MOST_BYTES:
            raise TooLarge
        told(0, of)
        for index in count():
            data = file.read(PART_BYTES)
            if not data:
                break
            if done + len(data) > MOST_BYTES:
                raise TooLarge
            part = UploadPartRequest(group_id=group_id, upload_id=upload_id, index=index, data=data)
            regard.feed.UploadPart(part)
            digest.update(data)
            done += len(data)
            told(done, max(of, done))
    request = AddFileRequest(
        group_id=group_id,
        upload_id=upload_id,
        name=path.name,
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        size=done,
        sha256=digest.digest(),
    )
    return regard.feed.AddFile(request).file


def download(regard: Regard, file_id: str, folder: Path, told: Told = _nothing) -> Path:
    """Writes the file into the folder, under its own name or one like it, and says where it is.

    Each call is a line of the group's ledger. Raises RegardError, OSError, BadDownload.
    """
    number, draft = tempfile.mkstemp(dir=folder, prefix=".regard-")
    try:
        with open(number, "wb") as target:
            file = _receive(regard, file_id, target.write, told)
            target.flush()
            os.fsync(number)
        return _placed(Path(draft), folder, harmless_name(file.description.name))
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def harmless_name(name: str) -> str:
    """A name for a file in a folder, like `name`: of no other folder, not hidden, of no device, nothing invisible."""
    last = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(
        "_" if character in '<>:"|?*' else character
        for character in unicodedata.normalize("NFC", last)
        if unicodedata.category(character)[0] != "C"
    )
    stem, dot, ending = visible.strip(". ").rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (ending, "")
    if stem.partition(".")[0].casefold() in _DEVICES:
        stem = f"_{stem}"
    room = _LONGEST_NAME_BYTES - len(ending.encode())
    if room < 1:
        stem, ending, room = stem + ending, "", _LONGEST_NAME_BYTES
    return stem.encode()[:room].decode(errors="ignore") + ending or "file"


def _receive(regard: Regard, file_id: str, write: Callable[[bytes], object], told: Told) -> File:
    digest, done, file = hashlib.sha256(), 0, File()
    while True:
        before = done
        for answer in regard.feed.DownloadFile(DownloadFileRequest(file_id=file_id, offset=done)):
            if answer.HasField("file"):
                file = answer.file
                told(done, file.size)
            elif answer.offset != done:
                raise BadDownload
            write(answer.data)
            digest.update(answer.data)
            done += len(answer.data)
            told(done, file.size)
        if not file.HasField("description") or done > file.size or (done < file.size and done == before):
            raise BadDownload
        if done == file.size:
            break
    if digest.digest() != file.description.sha256:
        raise BadDownload
    return file


def _placed(draft: Path, folder: Path, name: str) -> Path:
    """Gives the draft its name, or the first like it that is free: a link, unlike a renaming, replaces nothing."""
    ending = Path(name).suffix
    for number in count(1):
        place = folder / (name if number == 1 else f"{name.removesuffix(ending)} ({number}){ending}")
        try:
            os.link(draft, place)
        except FileExistsError:
            continue
        return place
    raise AssertionError("there is always a number more")
