"""Trees to test with: entries that tell their index, and their nodes."""

from __future__ import annotations

from functools import cache

from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.tree import Frontier, Nodes, root_of

SIZES = (0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537)
"""Where tiles begin, end, and give rise to a higher level."""
LARGEST = max(SIZES)


def entry(index: int) -> bytes:
    return f"entry {index}".encode()


@cache
def leaves() -> tuple[Hash, ...]:
    return tuple(leaf_hash(entry(index)) for index in range(LARGEST))


def nodes(*, other_from: int = LARGEST) -> Nodes:
    """The nodes of the tree; its leaves are others from `other_from` on, as in a fork."""
    return lambda level, index: _node(level, index, other_from)


@cache
def _node(level: int, index: int, other_from: int) -> Hash:
    if level == 0:
        return leaves()[index] if index < other_from else leaf_hash(b"other" + entry(index))
    return root_of((_node(level - 1, 2 * index, other_from), _node(level - 1, 2 * index + 1, other_from)))


def grown(size: int) -> Frontier:
    """The tree of `size` leaves, made leaf by leaf."""
    frontier = Frontier()
    for leaf in leaves()[:size]:
        frontier.add(leaf)
    return frontier
