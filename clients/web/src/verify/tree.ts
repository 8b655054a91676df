/**
 * Merkle trees: what proves that an entry or an earlier tree is in one.
 *
 * Specification: RFC 6962, section 2.1, for the tree and the proofs; RFC 9162, sections 2.1.3.2 and 2.1.4.2, which spells
 * out how the same proofs are verified. Verifying trusts nothing but the roots it is given.
 */

import { EMPTY_ROOT, nodeHash, same } from "./hashing.ts";
import { NOT_CONSISTENT, NOT_INCLUDED, Unverified } from "./reasons.ts";

/** (level, index) to the hash of the complete subtree of the 2^level leaves from index * 2^level on. */
export type Nodes = (level: number, index: bigint) => Promise<Uint8Array>;

/** The root of the complete subtrees of a tree, left to right, largest first. */
function rootOfSubtrees(subtrees: readonly Uint8Array[]): Uint8Array {
  return subtrees.length ? subtrees.reduceRight((root, left) => nodeHash(left, root)) : EMPTY_ROOT;
}

/** The root of the tree with these leaf hashes, as many as a power of two. */
export function rootOfComplete(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves;
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, at) => nodeHash(level[2 * at]!, level[2 * at + 1]!));
  }
  return level[0]!;
}

/** PROOF(old, D[new]) of RFC 6962, section 2.1.2; none if there is nothing to prove: old = 0 or old = new. */
export async function consistencyProof(old: bigint, size: bigint, nodes: Nodes): Promise<Uint8Array[]> {
  if (old < 0n || old > size) throw new RangeError(`a tree of ${old} leaves is not the beginning of one of ${size}`);
  if (old === 0n || old === size) return [];
  let [start, end] = [0n, size];
  const siblings: Promise<Uint8Array>[] = [];
  while (old !== end) {
    const middle = start + split(end - start);
    if (old <= middle) {
      siblings.push(range(middle, end, nodes));
      end = middle;
    } else {
      siblings.push(range(start, middle, nodes));
      start = middle;
    }
  }
  // The subtree that ends with the old tree is known to the verifier only when it is the old tree.
  if (start) siblings.push(range(start, end, nodes));
  return Promise.all(siblings.reverse());
}

/** The largest power of two below `leaves`, which is at least 2: where RFC 6962, section 2.1, divides a tree. */
function split(leaves: bigint): bigint {
  return 1n << BigInt((leaves - 1n).toString(2).length - 1);
}

/** The hash of the leaves [start, end), a node of some tree. */
async function range(start: bigint, end: bigint, nodes: Nodes): Promise<Uint8Array> {
  const subtrees: Promise<Uint8Array>[] = [];
  for (let at = start; at < end; ) {
    const level = (end - at).toString(2).length - 1;
    subtrees.push(nodes(level, at >> BigInt(level)));
    at += 1n << BigInt(level);
  }
  return rootOfSubtrees(await Promise.all(subtrees));
}

/** Throws Unverified unless `proof` leads from `leaf` at `index` to the root of the tree of `size` leaves. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  const found = inclusionRoot(leaf, index, size, proof);
  if (!found || !same(found, root)) throw new Unverified(NOT_INCLUDED, { index, size });
}

/** RFC 9162, section 2.1.3.2; the comments number its steps. Undefined for a proof of the wrong length. */
function inclusionRoot(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index < 0n || index >= size) return undefined; // 1
  let fn = index; // 2
  let sn = size - 1n;
  let root = leaf; // 3
  for (const sibling of proof) {
    // 4
    if (sn === 0n) return undefined; // 4.a
    if (fn & 1n || fn === sn) {
      // 4.b
      root = nodeHash(sibling, root);
      while (!(fn & 1n) && fn) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      root = nodeHash(root, sibling);
    }
    fn >>= 1n; // 4.c
    sn >>= 1n;
  }
  return sn === 0n ? root : undefined; // 5
}

/** Throws Unverified unless the tree (old, oldRoot) is the beginning of the tree (size, root). */
export function verifyConsistency(
  old: bigint,
  size: bigint,
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
  root: Uint8Array,
): void {
  if (!isConsistent(old, size, proof, oldRoot, root)) throw new Unverified(NOT_CONSISTENT, { old, new: size });
}

/** RFC 9162, section 2.1.4.2; the comments number its steps. The empty tree is the beginning of every tree. */
function isConsistent(
  old: bigint,
  size: bigint,
  given: readonly Uint8Array[],
  oldRoot: Uint8Array,
  root: Uint8Array,
): boolean {
  if (old < 0n || old > size) return false;
  if (old === 0n) return !given.length && same(oldRoot, EMPTY_ROOT) && (size > 0n || same(root, EMPTY_ROOT));
  if (old === size) return !given.length && same(oldRoot, root);
  if (!given.length) return false; // 1
  // 2: an old tree that is complete is its own first node
  const [first, ...siblings] = old & (old - 1n) ? given : [oldRoot, ...given];
  let [fn, sn] = [old - 1n, size - 1n]; // 3
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n]; // 4
  let [fr, sr] = [first!, first!]; // 5
  for (const sibling of siblings) {
    // 6
    if (sn === 0n) return false; // 6.a
    if (fn & 1n || fn === sn) {
      // 6.b
      [fr, sr] = [nodeHash(sibling, fr), nodeHash(sibling, sr)];
      while (!(fn & 1n) && fn) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = nodeHash(sr, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n]; // 6.c
  }
  return same(fr, oldRoot) && same(sr, root) && sn === 0n; // 7
}
