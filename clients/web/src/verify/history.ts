/**
 * One log as one observer sees it over time: what comes later must contain what came before.
 *
 * Specification: https://c2sp.org/tlog-checkpoint@v1.0.0, section "Signatures": a log must not sign inconsistent
 * checkpoints. Two of them, signed by its key, prove to anybody that it did.
 */

import type { Checkpoint } from "./checkpoint.ts";
import { FORKED, OTHER_LOG, ROLLED_BACK, Unverified } from "./reasons.ts";
import { verifyConsistency } from "./tree.ts";

/** (old size, new size) to the consistency proof between them, which nobody has to trust. */
export type Prove = (old: bigint, size: bigint) => Promise<readonly Uint8Array[]>;

/** Throws Unverified unless the tree `last`, which the observer accepted earlier, is the beginning of `now`. */
export async function requireGrowth(last: Checkpoint, now: Checkpoint, prove: Prove): Promise<void> {
  if (last.origin !== now.origin) throw new Unverified(OTHER_LOG, { origin: now.origin, wanted: last.origin });
  if (now.size < last.size) throw new Unverified(ROLLED_BACK, { old: last.size, new: now.size });
  const proof = last.size > 0n && last.size < now.size ? await prove(last.size, now.size) : [];
  try {
    verifyConsistency(last.size, now.size, proof, last.root, now.root);
  } catch (error) {
    if (!(error instanceof Unverified)) throw error;
    throw new Unverified(FORKED, { old: last.size, new: now.size });
  }
}
