"""A ZIP archive from outside: checked whole before anything of it is read, never unpacked to a disk.

Refused whole: what is no ZIP, more files than MOST_MEMBERS, more bytes than MOST_BYTES, a file that unpacks to more
than WORST_RATIO times its size, names that lead out or cannot be read, links, a name twice, encrypted or oddly packed
files.
A file that turns out larger than MOST_MEMBER_BYTES, or damaged, is refused by itself when it is read.
"""

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from regard_client.importers import reasons
from regard_client.importers.reasons import Said
from regard_client.importers.report import BadFile

MOST_MEMBERS = 250_000
MOST_BYTES = 16 * 1024**3
MOST_MEMBER_BYTES = 64 * 1024**2
WORST_RATIO = 200
_SMALL_BYTES = 1024**2
"""Below, a file may be as compressible as it likes."""
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1


class BadMember(Exception):
    """A file of the archive that cannot be read."""

    def __init__(self, why: Said) -> None:
        self.why = why
        super().__init__(why.reason.id)


class Archive:
    """The files of an archive, by name."""

    def __init__(self, file: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> None:
        self._file = file
        self._members = members

    @property
    def names(self) -> tuple[str, ...]:
        """Of all files, in the order of the alphabet."""
        return tuple(sorted(self._members))

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises BadMember."""
        try:
            with self._file.open(self._members[name]) as member:
                content = member.read(MOST_MEMBER_BYTES + 1)
                if len(content) <= MOST_MEMBER_BYTES and not member.read(1):
                    return content
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
            raise BadMember(reasons.MEMBER_DAMAGED()) from None
        raise BadMember(reasons.MEMBER_TOO_LARGE(mebibytes=MOST_MEMBER_BYTES // 1024**2))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive until the block ends. Raises BadFile."""
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, UnicodeDecodeError):
        raise BadFile(reasons.NOT_ZIP(file=path.name)) from None
    with file:
        yield Archive(file, _checked(path, file))


def _checked(path: Path, file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = file.infolist()
    if len(infos) > MOST_MEMBERS:
        raise BadFile(reasons.TOO_MANY_MEMBERS(file=path.name, count=len(infos), limit=MOST_MEMBERS))
    total = sum(info.file_size for info in infos)
    if total > MOST_BYTES:
        raise BadFile(
            reasons.UNPACKS_TOO_LARGE(file=path.name, mebibytes=total // 1024**2, limit=MOST_BYTES // 1024**2)
        )
    members: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for info in infos:
        name, shown = _name(info), _shown(info.filename)
        if name is None:
            raise BadFile(reasons.BAD_NAME(file=path.name, member=shown))
        # What one system takes for two names is one on another.
        if (same := unicodedata.normalize("NFC", name).casefold()) in seen:
            raise BadFile(reasons.TWICE(file=path.name, member=shown))
        seen.add(same)
        if reason := _hostile(info):
            raise BadFile(reason(file=path.name, member=shown))
        packed = max(1, info.compress_size)
        if info.file_size > _SMALL_BYTES and info.file_size > WORST_RATIO * packed:
            raise BadFile(reasons.BOMB(file=path.name, member=shown, ratio=info.file_size // packed))
        if not info.is_dir():
            members[name] = info
    return members


def _hostile(info: zipfile.ZipInfo) -> reasons.Reason | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return reasons.SYMBOLIC_LINK
    if info.flag_bits & _ENCRYPTED:
        return reasons.ENCRYPTED
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return reasons.PACKED_OTHERWISE
    return None


def _name(info: zipfile.ZipInfo) -> str | None:
    """The name as UTF-8, also where the archive doesn't say so; None for one that leads out or is unreadable."""
    name = info.filename
    # zipfile cuts a name at a NUL; the whole one is kept beside it.
    if "\0" in info.orig_filename:
        return None
    if not info.flag_bits & _UTF8_NAME and not name.isascii():
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            return None
    parts = name.removesuffix("/").split("/")
    hostile = "\\" in name or ":" in parts[0] or any(part in {"", ".", ".."} for part in parts)
    return None if hostile or not name.isprintable() else name


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:120])
