"""Trees and proofs against RFC 6962's definitions, against pymerkle, and against every small change."""

from __future__ import annotations

from collections.abc import Iterator

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard_client.verify.hashing import EMPTY_ROOT, Hash, node_hash
from regard_client.verify.reasons import Unverified
from regard_client.verify.tree import (
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.unit.verify.trees import LARGEST, SIZES, entry, grown, leaves, nodes

NODES = nodes()
sizes = st.sampled_from(SIZES) | st.integers(0, 700) | st.integers(0, LARGEST)


@st.composite
def leaf_of_tree(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes.filter(bool))
    return draw(st.integers(0, size - 1)), size


@st.composite
def two_sizes(draw: st.DrawFn) -> tuple[int, int]:
    return tuple(sorted((draw(sizes), draw(sizes))))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def oracle() -> pymerkle.InmemoryTree:
    """The tree of all leaves as somebody else's library has it."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for index in range(LARGEST):
        tree.append_entry(entry(index))
    return tree


def mth(hashes: tuple[Hash, ...]) -> Hash:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node_hash(mth(hashes[:k]), mth(hashes[k:]))


def subproof(m: int, hashes: tuple[Hash, ...], complete: bool) -> Iterator[Hash]:
    """SUBPROOF of RFC 6962, section 2.1.2, word by word."""
    if m == len(hashes):
        yield from () if complete else (mth(hashes),)
        return
    k = split(len(hashes))
    if m <= k:
        yield from subproof(m, hashes[:k], complete)
        yield mth(hashes[k:])
    else:
        yield from subproof(m - k, hashes[k:], False)
        yield mth(hashes[:k])


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mutations(proof: tuple[Hash, ...]) -> Iterator[tuple[Hash, ...]]:
    """The proof with a bit changed in each hash, one hash less, one more, and two exchanged."""
    for at, value in enumerate(proof):
        bit = (at * 37) % 256
        changed = bytes(byte ^ (1 << bit % 8 if where == bit // 8 else 0) for where, byte in enumerate(value))
        yield (*proof[:at], Hash(changed), *proof[at + 1 :])
        yield (*proof[:at], *proof[at + 1 :])
    yield (*proof, EMPTY_ROOT)
    yield (EMPTY_ROOT, *proof)
    if len(proof) > 1 and proof[0] != proof[1]:
        yield (proof[1], proof[0], *proof[2:])


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_the_definition_and_of_pymerkle(size: int, oracle: pymerkle.InmemoryTree) -> None:
    root = grown(size).root()
    assert root == mth(leaves()[:size]) == root_at(size, NODES)
    assert root == (oracle.get_root(size) if size else EMPTY_ROOT)


@given(size=sizes, more=st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_a_tree_goes_on_from_where_it_stood(size: int, more: int) -> None:
    more = min(more, LARGEST - size)
    frontier = frontier_at(size, NODES)
    frontier = Frontier(frontier.size, frontier.subtrees)
    for leaf in leaves()[size : size + more]:
        frontier.add(leaf)
    assert (frontier.size, frontier.root()) == (size + more, root_at(size + more, NODES))


def test_a_tree_cannot_go_on_from_what_is_no_tree() -> None:
    with pytest.raises(ValueError, match="2 complete subtrees"):
        Frontier(3, leaves()[:1])


@given(leaf_of_tree())
@settings(max_examples=150, deadline=None)
def test_inclusion_is_proved_as_pymerkle_proves_it(oracle: pymerkle.InmemoryTree, place: tuple[int, int]) -> None:
    index, size = place
    proof = inclusion_proof(index, size, NODES)
    path = oracle.prove_inclusion(index + 1, size).serialize()["path"]
    assert [leaves()[index].hex(), *(one.hex() for one in proof)] == path
    verify_inclusion(leaves()[index], index, size, proof, root_at(size, NODES))


@given(leaf_of_tree(), st.data())
@settings(max_examples=80, deadline=None)
def test_no_other_inclusion_verifies(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    leaf, proof, root = leaves()[index], inclusion_proof(index, size, NODES), root_at(size, NODES)
    other = data.draw(st.integers(0, LARGEST - 1).filter(lambda one: one != index))
    for changed in mutations(proof):
        refused(leaf, index, size, changed, root)
    refused(leaves()[other], index, size, proof, root)
    refused(leaf, other, size, proof, root)
    refused(leaf, -1, size, proof, root)
    refused(leaf, index, size, proof, EMPTY_ROOT)


def refused(leaf: Hash, index: int, size: int, proof: tuple[Hash, ...], root: Hash) -> None:
    with pytest.raises(Unverified, match="VER-04"):
        verify_inclusion(leaf, index, size, proof, root)


@given(two_sizes())
@settings(max_examples=150, deadline=None)
def test_consistency_verifies_whatever_the_sizes(pair: tuple[int, int]) -> None:
    old, new = pair
    verify_consistency(old, new, consistency_proof(old, new, NODES), root_at(old, NODES), root_at(new, NODES))


def test_consistency_proofs_are_those_of_the_definition() -> None:
    for new in range(1, 70):
        for old in range(1, new + 1):
            assert consistency_proof(old, new, NODES) == tuple(subproof(old, leaves()[:new], True)), (old, new)


@given(two_sizes())
@settings(max_examples=80, deadline=None)
def test_no_other_consistency_verifies(pair: tuple[int, int]) -> None:
    old, new = pair
    proof, before, after = consistency_proof(old, new, NODES), root_at(old, NODES), root_at(new, NODES)
    for changed in mutations(proof):
        not_consistent(old, new, changed, before, after)
    wrong = Hash(bytes(32))
    not_consistent(old, new, proof, wrong, after)
    if old:
        not_consistent(old, new, proof, before, wrong)
    if old < new:
        not_consistent(new, old, proof, after, before)


@given(two_sizes().filter(lambda pair: 0 < pair[0] < pair[1]), st.data())
@settings(max_examples=80, deadline=None)
def test_a_fork_has_no_proof(pair: tuple[int, int], data: st.DataObject) -> None:
    """A log whose entries differ before the old size can't show that the old tree is its beginning."""
    old, new = pair
    fork = nodes(other_from=data.draw(st.integers(0, old - 1)))
    not_consistent(old, new, consistency_proof(old, new, fork), root_at(old, NODES), root_at(new, fork))
    not_consistent(old, new, consistency_proof(old, new, NODES), root_at(old, NODES), root_at(new, fork))


def not_consistent(old: int, new: int, proof: tuple[Hash, ...], before: Hash, after: Hash) -> None:
    with pytest.raises(Unverified, match="VER-05") as raised:
        verify_consistency(old, new, proof, before, after)
    assert raised.value.evidence["old root"] == before
    assert raised.value.evidence["new root"] == after


def test_proofs_of_nothing_are_refused() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 3)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_proof(index, size, NODES)
    with pytest.raises(ValueError, match="not the beginning"):
        consistency_proof(3, 2, NODES)


def test_the_root_of_leaves_at_once_is_the_root_of_leaves_one_by_one() -> None:
    assert root_of(leaves()[:257]) == root_at(257, NODES)


def test_a_proof_is_as_long_as_the_size_asks_for() -> None:
    """Roots and hashes that fit, in a tree that is said to be larger or smaller."""
    proof, root = inclusion_proof(1, 4, NODES), root_at(4, NODES)
    for size in (2, 5, 8):
        refused(leaves()[1], 1, size, proof, root)
    refused(leaves()[3], 1, 2, inclusion_proof(3, 4, NODES), root)
    proof = consistency_proof(2, 8, NODES)
    for size in (4, 16):
        not_consistent(2, size, proof, root_at(2, NODES), root_at(8, NODES))
    proof = consistency_proof(3, 8, NODES)
    for size in (4, 16):
        not_consistent(3, size, proof, root_at(3, NODES), root_at(8, NODES))
