/**
 * Merkle trees: what proves that an entry is in one.
 *
 * Specification: RFC 6962, section 2.1, for the tree and the proofs; RFC 9162, section 2.1.3.2, which spells out how the
 * same proofs are verified.
 */

import { nodeHash, same } from "./hashing.ts";
import { NOT_INCLUDED, Unverified } from "./reasons.ts";

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
