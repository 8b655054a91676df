"""Merkle trees: how they grow, and what proves that an entry or an earlier tree is in one.

Specification: RFC 6962, section 2.1, for the tree and the proofs; RFC 9162, sections 2.1.3.2 and 2.1.4.2, which spells
out how the same proofs are verified. Pure: hashes in, hashes out.

Proofs are made from `Nodes`, a function that gives the hash of a complete subtree. Verifying trusts nothing but the
roots it is given.
"""

from collections.abc import Callable, Iterable, Sequence

from regard_client.verify.hashing import EMPTY_ROOT, Hash, node_hash
from regard_client.verify.reasons import NOT_CONSISTENT, NOT_INCLUDED

Nodes = Callable[[int, int], Hash]
"""(level, index) to the hash of the complete subtree of the 2^level leaves from index * 2^level on."""

Proof = tuple[Hash, ...]


class Frontier:
    """A tree as it grows: the complete subtrees that its leaves fill, left to right, largest first.

    There is one for each 1 bit of the size, so that a tree of any size fits in 63 hashes.
    """

    def __init__(self, size: int = 0, subtrees: Iterable[Hash] = ()) -> None:
        self.size = size
        self._subtrees = list(subtrees)
        if len(self._subtrees) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees")

    @property
    def subtrees(self) -> tuple[Hash, ...]:
        """The hashes to go on from: Frontier(size, subtrees)."""
        return tuple(self._subtrees)

    def add(self, leaf: Hash) -> None:
        """Appends a leaf: each subtree that it completes joins its left neighbour of the same size."""
        node, full = leaf, self.size
        while full & 1:
            node = node_hash(self._subtrees.pop(), node)
            full >>= 1
        self._subtrees.append(node)
        self.size += 1

    def root(self) -> Hash:
        """The tree's root."""
        if not self._subtrees:
            return EMPTY_ROOT
        *rest, root = self._subtrees
        for left in reversed(rest):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[Hash]) -> Hash:
    """The root of the tree with these leaf hashes: MTH of RFC 6962, section 2.1."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


def frontier_at(size: int, nodes: Nodes) -> Frontier:
    """The tree of `size` leaves, to go on from."""
    return Frontier(size, (nodes(level, index) for level, index in _complete(0, size)))


def root_at(size: int, nodes: Nodes) -> Hash:
    """The root of the tree of the first `size` leaves."""
    return frontier_at(size, nodes).root()


def inclusion_proof(index: int, size: int, nodes: Nodes) -> Proof:
    """PATH(index, D[size]) of RFC 6962, section 2.1.1: the siblings from the leaf upward."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    start, end, siblings = 0, size, list[Hash]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append(_range(middle, end, nodes))
            end = middle
        else:
            siblings.append(_range(start, middle, nodes))
            start = middle
    return tuple(reversed(siblings))


def consistency_proof(old: int, new: int, nodes: Nodes) -> Proof:
    """PROOF(old, D[new]) of RFC 6962, section 2.1.2; () if there is nothing to prove: old = 0 or old = new."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {new}")
    if old in (0, new):
        return ()
    start, end, siblings = 0, new, list[Hash]()
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            siblings.append(_range(middle, end, nodes))
            end = middle
        else:
            siblings.append(_range(start, middle, nodes))
            start = middle
    if start:  # the subtree that ends with the old tree is known to the verifier only when it is the old tree
        siblings.append(_range(start, end, nodes))
    return tuple(reversed(siblings))


def verify_inclusion(leaf: Hash, index: int, size: int, proof: Sequence[Hash], root: Hash) -> None:
    """Raises Unverified unless `proof` leads from `leaf` at `index` to the root of the tree of `size` leaves."""
    if _inclusion_root(leaf, index, size, proof) != root:
        raise NOT_INCLUDED(index=index, size=size, evidence={"leaf": leaf, "root": root, "proof": b"".join(proof)})


def _inclusion_root(leaf: Hash, index: int, size: int, proof: Sequence[Hash]) -> Hash | None:
    """RFC 9162, section 2.1.3.2; the comments number its steps. None for a proof of the wrong length."""
    if not 0 <= index < size:  # 1
        return None
    fn, sn = index, size - 1  # 2
    root = leaf  # 3
    for sibling in proof:  # 4
        if sn == 0:  # 4.a
            return None
        if fn & 1 or fn == sn:  # 4.b
            root = node_hash(sibling, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, sibling)
        fn, sn = fn >> 1, sn >> 1  # 4.c
    return root if sn == 0 else None  # 5


def verify_consistency(old: int, new: int, proof: Sequence[Hash], old_root: Hash, new_root: Hash) -> None:
    """Raises Unverified unless the tree (old, old_root) is the beginning of the tree (new, new_root).

    The evidence is everything that somebody else needs to see the same.
    """
    if not _consistent(old, new, proof, old_root, new_root):
        evidence = {"old root": old_root, "new root": new_root, "proof": b"".join(proof)}
        raise NOT_CONSISTENT(old=old, new=new, evidence=evidence)


def _consistent(old: int, new: int, proof: Sequence[Hash], old_root: Hash, new_root: Hash) -> bool:
    """RFC 9162, section 2.1.4.2; the comments number its steps. The empty tree is the beginning of every tree."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not proof and old_root == new_root
    if not proof:  # 1
        return False
    if old & (old - 1) == 0:  # 2: an old tree that is complete is its own first node
        proof = (old_root, *proof)
    fn, sn = old - 1, new - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]  # 5
    for sibling in proof[1:]:  # 6
        if sn == 0:  # 6.a
            return False
        if fn & 1 or fn == sn:  # 6.b
            fr, sr = node_hash(sibling, fr), node_hash(sibling, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, sibling)
        fn, sn = fn >> 1, sn >> 1  # 6.c
    return fr == old_root and sr == new_root and sn == 0  # 7


def _split(leaves: int) -> int:
    """The largest power of two below `leaves`, which is at least 2: where RFC 6962, section 2.1, divides a tree."""
    return 1 << (leaves - 1).bit_length() - 1


def _complete(start: int, end: int) -> Iterable[tuple[int, int]]:
    """(level, index) of the complete subtrees, left to right, that make up [start, end), a node of some tree."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range(start: int, end: int, nodes: Nodes) -> Hash:
    """The hash of the leaves [start, end), a node of some tree."""
    return Frontier(end - start, (nodes(level, index) for level, index in _complete(start, end))).root()
