"""How the log grows: from the right edge of one tree and more leaves to the next edge and the files to write. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.tiles import (
    WIDTH,
    Bundle,
    Tile,
    bundles,
    format_bundle,
    format_tile,
    parse_bundle,
    parse_tile,
    tiles,
)
from regard_client.verify.tree import Frontier, root_of

Files = Mapping[str, bytes]
"""Bytes by path below the log's prefix."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What a tree needs to grow. `levels`: the hashes of each level's partial tile; `entries`: of the partial bundle.

    Invariant: `levels[l]` has floor(size / 256^l) mod 256 hashes, and `entries` as many as `levels[0]`.
    """

    size: int = 0
    levels: tuple[tuple[Hash, ...], ...] = ((),)
    entries: tuple[bytes, ...] = ()

    def root(self) -> Hash:
        """The tree's root: each level's hashes complete what the level above has."""
        subtrees: list[Hash] = []
        for hashes in reversed(self.levels):
            frontier = Frontier()
            for one in hashes:
                frontier.add(one)
            subtrees += frontier.subtrees
        return Frontier(self.size, subtrees).root()


def grown(edge: Edge, leaves: Sequence[bytes]) -> tuple[Edge, Files]:
    """The edge after `leaves`, and every file that its tree has and the one before had not."""
    size = edge.size + len(leaves)
    files: dict[str, bytes] = {}
    entries = (*edge.entries, *leaves)
    first = edge.size // WIDTH
    for bundle in bundles(size, edge.size):
        start = (bundle.index - first) * WIDTH
        files[bundle.path] = format_bundle(entries[start : start + bundle.width])
    levels: list[tuple[Hash, ...]] = []
    new: Sequence[Hash] = [leaf_hash(one) for one in leaves]
    level, before = 0, edge.size
    while level < len(edge.levels) or new:
        hashes = (*(edge.levels[level] if level < len(edge.levels) else ()), *new)
        full = len(hashes) // WIDTH
        places = [Tile(level, before // WIDTH + index) for index in range(full)]
        if new and (width := len(hashes) % WIDTH):
            places.append(Tile(level, before // WIDTH + full, width))
        for index, tile in enumerate(places):
            files[tile.path] = format_tile(hashes[index * WIDTH : index * WIDTH + tile.width])
        new = [root_of(hashes[index * WIDTH : (index + 1) * WIDTH]) for index in range(full)]
        levels.append(hashes[full * WIDTH :])
        level, before = level + 1, before // WIDTH
    if files.keys() != {*(one.path for one in tiles(size, edge.size)), *(one.path for one in bundles(size, edge.size))}:
        raise AssertionError("the files of a growth are those of the layout")
    return Edge(size, tuple(levels), entries[-(size % WIDTH) :] if size % WIDTH else ()), files


def edge_places(size: int) -> tuple[tuple[Tile, ...], Bundle | None]:
    """Where the right edge of a tree lies: the partial tile of each level that has one, and the partial bundle."""
    found: list[Tile] = []
    level, hashes = 0, size
    while hashes:
        if width := hashes % WIDTH:
            found.append(Tile(level, hashes // WIDTH, width))
        level, hashes = level + 1, hashes // WIDTH
    return tuple(found), Bundle(size // WIDTH, size % WIDTH) if size % WIDTH else None


def edge_of(size: int, files: Files) -> Edge:
    """The edge of a tree out of the files at `edge_places`. Raises Unverified, KeyError, ValueError.

    ValueError: the entries of the bundle are not those that the tile stands for. The root is not checked here.
    """
    partial, bundle = edge_places(size)
    levels: list[tuple[Hash, ...]] = []
    for tile in partial:
        levels += [()] * (tile.level - len(levels))
        levels.append(parse_tile(files[tile.path], tile.width))
    entries = parse_bundle(files[bundle.path], bundle.width) if bundle else ()
    edge = Edge(size, tuple(levels) or ((),), entries)
    if [leaf_hash(one) for one in entries] != list(edge.levels[0]):
        raise ValueError("the last bundle is not what its tile says")
    return edge
