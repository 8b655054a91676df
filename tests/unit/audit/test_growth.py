"""The growth of the log against trees and layouts made from all leaves at once."""

import itertools
import random

import pytest

from regard_client.verify.hashing import leaf_hash
from regard_client.verify.tiles import bundles, parse_bundle, parse_path, tiles
from regard_client.verify.tree import root_of
from services.audit.log.growth import Edge, edge_of, edge_places, grown
from services.audit.log.staging import pack, unpack

SIZES = (0, 1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 70000)


def leaves(start: int, end: int) -> list[bytes]:
    return [b"\x01" + number.to_bytes(32, "big") for number in range(start, end)]


def test_roots_files_and_edges_at_every_interesting_size() -> None:
    edge, files = Edge(), dict[str, bytes]()
    for before, size in itertools.pairwise(SIZES):
        edge, new = grown(edge, leaves(before, size))
        assert not files.keys() & new.keys()
        files |= new
        assert edge.size == size
        assert edge.root() == root_of(map(leaf_hash, leaves(0, size)))
        assert edge_of(size, files) == edge
    everything = {one.path for one in (*tiles(70000), *bundles(70000))}
    assert everything <= files.keys()
    entries = [entry for one in bundles(70000) for entry in parse_bundle(files[one.path], one.width)]
    assert entries == leaves(0, 70000)


def test_any_steps_lead_to_the_same_tree_and_the_same_files() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    edge, files = Edge(), dict[str, bytes]()
    while edge.size < 3000:
        step = draw.choice((1, 3, 4, 250, 256, 300))
        edge, new = grown(edge, leaves(edge.size, edge.size + step))
        files |= new
    _, at_once = grown(Edge(), leaves(0, edge.size))
    assert at_once.items() <= files.items()
    assert edge.root() == root_of(map(leaf_hash, leaves(0, edge.size)))
    for path in files:
        assert parse_path(path).path == path


def test_a_bundle_that_its_tile_does_not_stand_for_is_refused() -> None:
    _, files = grown(Edge(), leaves(0, 3))
    _, others = grown(Edge(), leaves(1, 4))
    (bundle,) = bundles(3)
    with pytest.raises(ValueError, match="not what its tile says"):
        edge_of(3, {**files, bundle.path: others[bundle.path]})
    partial, last = edge_places(3)
    assert [one.path for one in (*partial, *([last] if last else []))] == ["tile/0/000.p/3", "tile/entries/000.p/3"]


def test_staged_files_come_back_whole_or_not_at_all() -> None:
    _, files = grown(Edge(), leaves(0, 300))
    packed = pack(files)
    assert unpack(packed) == files
    for cut in (1, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(ValueError):  # noqa: PT011  # whichever way it does not add up
            unpack(packed[:cut])
    assert unpack(b"") == {}
