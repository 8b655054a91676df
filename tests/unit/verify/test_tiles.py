"""Tiles: geometry, paths and bytes, each with its inverse."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regard_client.verify.hashing import Hash
from regard_client.verify.reasons import Unverified
from regard_client.verify.tiles import (
    Bundle,
    Tile,
    TileNodes,
    bundles,
    format_bundle,
    format_tile,
    parse_bundle,
    parse_path,
    parse_tile,
    tiles,
)
from regard_client.verify.tree import consistency_proof, inclusion_proof, root_at
from tests.unit.verify.trees import LARGEST, SIZES, nodes

NODES = nodes()
widths = st.integers(1, 256)
indexes = st.integers(0, 2**63 - 1) | st.integers(0, 1_000_100)
sizes = st.sampled_from(SIZES) | st.integers(0, LARGEST)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 0, 1), "tile/0/000.p/1"),
        (Tile(63, 1_234_067, 255), "tile/63/x001/x234/067.p/255"),
        (Bundle(1_000), "tile/entries/x001/000"),
        (Bundle(999, 7), "tile/entries/999.p/7"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile | Bundle, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(st.builds(Tile, st.integers(0, 63), indexes, widths) | st.builds(Bundle, indexes, widths))
def test_a_path_gives_its_tile_back(tile: Tile | Bundle) -> None:
    assert parse_path(tile.path) == tile


@given(
    st.from_regex(r"tile/(entries|[0-9]{1,3})/(x?[0-9]{1,4}/){0,3}[0-9]{1,4}(\.p/[0-9]{1,4})?", fullmatch=True)
    | st.text()
)
@example("tile/0/x000/001")
@example("tile/0/000.p/256")
@example("tile/0/000.p/0")
@example("tile/0/000.p/01")
@example("tile/00/000")
@example("tile/64/000")
@example("tile/0/000/")
@example("tile/0/000\n")
@example("tile/0/٠٠٠")
@example("tile/0/x999/x999/x999/x999/x999/x999/999")
def test_each_tile_has_one_path(path: str) -> None:
    with suppress(Unverified):
        assert parse_path(path).path == path


def test_geometry_is_that_of_the_specification() -> None:
    assert list(tiles(0)) == []
    assert list(tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    of_70_000 = list(tiles(70_000))
    assert [one for one in of_70_000 if one.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [sum(one.level == level for one in of_70_000) for level in range(3)] == [274, 2, 1]
    assert list(bundles(257)) == [Bundle(0), Bundle(1, 1)]


@given(sizes, sizes)
@settings(deadline=None)
def test_what_is_new_of_a_grown_tree_is_what_it_had_not(one: int, other: int) -> None:
    before, size = sorted((one, other))
    new = list(tiles(size, before))
    assert sorted(new) == sorted(set(tiles(size)) - set(tiles(before)))
    assert [Bundle(tile.index, tile.width) for tile in new if tile.level == 0] == list(bundles(size, before))


def stored(tile: Tile) -> bytes:
    """A tile by the definition: hash i of level l is the complete subtree of height 8l."""
    return format_tile([NODES(8 * tile.level, 256 * tile.index + at) for at in range(tile.width)])


def read_of(size: int) -> TileNodes:
    """Nodes out of the tiles of a tree of `size`; a tile that this tree has not can't be read."""
    there = set(tiles(size))

    def read(tile: Tile) -> bytes:
        assert tile in there
        return stored(tile)

    return TileNodes(size, read)


@given(sizes, sizes, st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_can_be_made_from_the_tiles_of_the_tree(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    tree = read_of(new)
    assert root_at(new, tree) == root_at(new, NODES)
    assert consistency_proof(old, new, tree) == consistency_proof(old, new, NODES)
    if new:
        index = data.draw(st.integers(0, new - 1))
        assert inclusion_proof(index, new, tree) == inclusion_proof(index, new, NODES)


def test_nodes_that_a_tree_has_not_are_not_asked_for() -> None:
    tree = read_of(300)
    for level, index in ((0, 300), (8, 1), (4, 18), (16, 0)):
        with pytest.raises(ValueError, match="a tree of 300 has no"):
            tree(level, index)


@given(st.lists(st.binary(min_size=32, max_size=32).map(Hash), min_size=1, max_size=256))
def test_a_tile_gives_its_hashes_back(hashes: list[Hash]) -> None:
    assert parse_tile(format_tile(hashes), len(hashes)) == tuple(hashes)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_tile_of_another_width_is_refused(data: bytes) -> None:
    with pytest.raises(Unverified, match="tlog-tiles tile"):
        parse_tile(data, 1)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert parse_bundle(format_bundle(entries), len(entries)) == tuple(entries)


def test_what_does_not_fit_in_a_bundle_or_tile_is_refused() -> None:
    assert parse_bundle(format_bundle([bytes(65_535)]), 1) == (bytes(65_535),)
    for entries in ([bytes(65_536)], [], [b""] * 257):
        with pytest.raises(ValueError, match="entr"):
            format_bundle(entries)
    for count in (0, 257):
        with pytest.raises(ValueError, match="1 to 256"):
            format_tile([Hash(bytes(32))] * count)


@given(st.binary(max_size=200), st.integers(1, 5))
@example(b"\x00", 1)
@example(b"\x00\x01", 1)
@example(b"\x00\x00\x00", 1)
@example(b"\x00\x00", 2)
def test_whatever_is_read_as_a_bundle_is_one(data: bytes, width: int) -> None:
    with suppress(Unverified):
        assert format_bundle(parse_bundle(data, width)) == data
