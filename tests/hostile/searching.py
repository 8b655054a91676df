"""Finds a word in whatever it may have been written into: other encodings, base64 at every offset, compressed parts."""

import base64
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_LONGEST_PART = 1 << 20
_CHUNK = 1 << 24


def forms(word: str) -> dict[str, bytes]:
    """The bytes that betray a word of ASCII letters, by the name of the encoding; compared without regard to case."""
    plain = word.encode()
    found = {
        "UTF-8": plain,
        "UTF-16": word.encode("utf-16-le"),  # big-endian is the same, a byte later
        "UTF-32": word.encode("utf-32-le"),
        "hex": plain.hex().encode(),
        "backwards": plain[::-1],
    }
    for offset in range(3):
        # The characters that hold bits of the word alone, whatever stands before and after it.
        encoded = base64.b64encode(bytes(offset) + plain)
        whole = encoded[-(-8 * offset // 6) : len(plain + bytes(offset)) * 8 // 6]
        found[f"base64, offset {offset}"] = whole
        found[f"base64url, offset {offset}"] = whole.translate(bytes.maketrans(b"+/", b"-_"))
    return found


class Search:
    """Searches for words, by name, wherever it is sent; for speed, by the beginning first that some have in common."""

    def __init__(self, words: dict[str, str], beginning: str = "") -> None:
        self._words = {(name, form): one for name, word in words.items() for form, one in forms(word).items()}
        alike = {name: word for name, word in words.items() if beginning and word.startswith(beginning)}
        others = [word for name, word in words.items() if name not in alike]
        self._first = {one for word in (*others, *([beginning] if alike else [])) for one in forms(word).values()}
        self._overlap = max(map(len, self._words.values()))

    def within(self, content: bytes, *, compressed: bool = True) -> set[str]:
        """What is found in some bytes, as "message in hex"."""
        found: set[str] = set()
        folded = content.lower()
        if any(one in content or one.lower() in folded for one in self._first):
            found = {f"{name} in {form}" for (name, form), one in self._words.items() if one in content}
            found |= {
                f"{name} in {form}"
                for (name, form), one in self._words.items()
                if not form.startswith("base64") and one.lower() in folded
            }
        if compressed:
            for part in _parts(content):
                found |= {f"{one}, compressed" for one in self.within(part, compressed=False)}
        return found

    def under(self, folders: Iterable[Path]) -> dict[str, set[str]]:
        """What is found in files, and in their names, by path."""
        found = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                here = self.within(str(path).encode())
                if path.is_file() and not path.is_symlink():
                    here |= self.within(path.read_bytes())
                if here:
                    found[str(path.relative_to(folder))] = here
        return found

    def in_memory(self, pid: int) -> set[str]:
        """What is found in the memory of a process, all of which it could leave in a core."""
        found: set[str] = set()
        for part in memory(pid, self._overlap):
            found |= self.within(part, compressed=False)
        return found


def memory(pid: int, overlap: int = 0) -> Iterator[bytes]:
    """The readable and writable memory of a process of ours, in parts that overlap."""
    regions = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for region in regions:
            addresses, rights, *_ = region.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in addresses.split("-"))
            for at in range(start, end, _CHUNK):
                try:
                    yield os.pread(file.fileno(), min(_CHUNK + overlap, end - at), at)
                except OSError:  # a mapping without memory behind it
                    break


def _parts(content: bytes) -> Iterator[bytes]:
    """What decompresses, from wherever it begins."""
    for match in _DEFLATED.finditer(content):
        try:
            part = zlib.decompressobj(wbits=47).decompress(
                content[match.start() : match.start() + _LONGEST_PART], _LONGEST_PART
            )
        except zlib.error:
            continue
        if part:
            yield part
