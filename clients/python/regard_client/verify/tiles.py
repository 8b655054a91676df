"""How a log lies in files: tiles of hashes and bundles of entries, their paths and their bytes.

Specification: https://c2sp.org/tlog-tiles@v0.1.0. Pure layout: nothing here opens a file or a connection. Whoever reads
tiles from somewhere hands a function to `TileNodes`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from regard_client.verify.hashing import HASH_BYTES, MAX_SIZE, Hash
from regard_client.verify.reasons import malformed
from regard_client.verify.tree import root_of

WIDTH = 256
"""Hashes of a full tile, entries of a full bundle."""
MAX_ENTRY_BYTES = (1 << 16) - 1
_HEIGHT = 8  # a full tile is a complete tree of this height

CHECKPOINT_PATH = "checkpoint"

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
    r"/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Tile `index` of level `level`: hashes [256 * index, 256 * index + width) of that level."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix. Section "Merkle Tree"."""
        return f"tile/{self.level}/{_format_place(self.index, self.width)}"

    @property
    def full(self) -> "Tile":
        """The full tile of this place, which may have taken the place of a partial one."""
        return Tile(self.level, self.index)


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """Bundle `index`: entries [256 * index, 256 * index + width)."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix. Section "Log entries"."""
        return f"tile/entries/{_format_place(self.index, self.width)}"

    @property
    def full(self) -> "Bundle":
        """The full bundle of this place, which may have taken the place of a partial one."""
        return Bundle(self.index)


def parse_path(path: str) -> Tile | Bundle:
    """The inverse of `Tile.path` and `Bundle.path`; Unverified for every other text."""
    found = _PATH.fullmatch(path)
    if not found:
        raise malformed("tlog-tiles path", "tile/<L>/<N>[.p/<W>]")
    index, width = int(found["index"].replace("x", "").replace("/", "")), int(found["width"] or WIDTH)
    if index > MAX_SIZE or width > WIDTH:
        raise malformed("tlog-tiles path", "<W> is at most 255, and <N> less than 2^63")
    level = found["level"]
    place = Bundle(index, width) if level == "entries" else Tile(int(level), index, width)
    if place.path != path:  # a .p/256, or a needless x000
        raise malformed("tlog-tiles path", "each tile has one path")
    return place


def tiles(size: int, before: int = 0) -> Iterator[Tile]:
    """The tiles of a tree of `size` leaves that a tree of `before` leaves did not have, lowest level first.

    Section "Partial Tiles": each level has floor(size / 256^level) hashes, and empty tiles do not exist.
    """
    for level in range(64):
        if not size:
            return
        yield from (Tile(level, index, width) for index, width in _grown(size, before))
        size, before = size >> _HEIGHT, before >> _HEIGHT


def bundles(size: int, before: int = 0) -> Iterator[Bundle]:
    """The bundles of a log of `size` entries that a log of `before` entries did not have."""
    return (Bundle(index, width) for index, width in _grown(size, before))


def _grown(size: int, before: int) -> Iterator[tuple[int, int]]:
    """(index, width) of what lies in tiles when `before` hashes of a level have become `size`."""
    if size <= before:
        return
    for index in range(before // WIDTH, -(-size // WIDTH)):
        yield index, min(WIDTH, size - index * WIDTH)


def format_tile(hashes: Sequence[Hash]) -> bytes:
    """A tile's bytes."""
    if not 1 <= len(hashes) <= WIDTH:
        raise ValueError(f"a tile has 1 to {WIDTH} hashes, not {len(hashes)}")
    return b"".join(hashes)


def parse_tile(data: bytes, width: int) -> tuple[Hash, ...]:
    """The hashes of a tile of `width`; Unverified unless there are exactly as many."""
    if len(data) != width * HASH_BYTES:
        raise malformed("tlog-tiles tile", "a tile is <W> hashes of 32 bytes")
    return tuple(Hash(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES))


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """A bundle's bytes; ValueError for an entry that is too long. Section "Log entries"."""
    if not 1 <= len(entries) <= WIDTH:
        raise ValueError(f"a bundle has 1 to {WIDTH} entries, not {len(entries)}")
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """The entries of a bundle of `width`; Unverified unless there are exactly as many and nothing else."""
    entries, at = list[bytes](), 0
    while at < len(data) and len(entries) < width:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if len(entries) != width or at != len(data):  # an entry that is cut short ends beyond the data
        raise malformed("tlog-tiles entry bundle", "a bundle is <W> entries, each as long as its prefix says")
    return tuple(entries)


class TileNodes:
    """The nodes of a tree of `size` leaves out of its tiles: the `Nodes` that proofs are made from.

    `read(tile)` gives a tile's bytes; each tile is read once. What is read is not authenticated here: the proof or root
    made from it is, when it is compared with a signed root.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[Tile, tuple[Hash, ...]] = {}

    def __call__(self, level: int, index: int) -> Hash:
        """The hash of the complete subtree of 2^level leaves from index * 2^level on, inside one tile."""
        tile_level, height = divmod(level, _HEIGHT)
        first, last = index << height, (index + 1) << height
        hashes = self._hashes(self._tile(tile_level, first // WIDTH))
        offset = first % WIDTH
        if len(hashes) < offset + last - first:
            raise ValueError(f"a tree of {self._size} has no complete subtree {index} at level {level}")
        return root_of(hashes[offset : offset + last - first])

    def _tile(self, level: int, index: int) -> Tile:
        width = min(WIDTH, (self._size >> _HEIGHT * level) - index * WIDTH)
        if width < 1:
            raise ValueError(f"a tree of {self._size} has no tile {index} at level {level}")
        return Tile(level, index, width)

    def _hashes(self, tile: Tile) -> tuple[Hash, ...]:
        if tile not in self._tiles:
            self._tiles[tile] = parse_tile(self._read(tile), tile.width)
        return self._tiles[tile]


def _format_place(index: int, width: int) -> str:
    """<N>[.p/<W>]: the index in groups of three digits, all but the last after an x."""
    if not (0 <= index <= MAX_SIZE and 1 <= width <= WIDTH):
        raise ValueError(f"there is no tile {index} of width {width}")
    digits = f"{index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *upper, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    return "".join(f"x{group}/" for group in upper) + last + ("" if width == WIDTH else f".p/{width}")
