/**
 * Checkpoints: what a log says its tree is at a size, as the text of a signed note.
 *
 * Specification: https://c2sp.org/tlog-checkpoint@v1.0.0.
 */

import { parseDecimal, parseHash } from "./hashing.ts";
import { malformed } from "./reasons.ts";

const WHAT = "tlog-checkpoint";

/** A tree of the log `origin`. */
export type Checkpoint = { origin: string; size: bigint; root: Uint8Array };

/** What a note's text says; Unverified for every other text. Section "Note text". */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const rest = lines.pop();
  const [origin, size, root, ...extensions] = lines;
  if (rest || origin === undefined || size === undefined || root === undefined) {
    throw malformed(WHAT, "at least three lines that end in newlines");
  }
  if (!origin || extensions.includes("")) throw malformed(WHAT, "neither origin nor extension lines are empty");
  return { origin, size: parseDecimal(size, WHAT), root: parseHash(root, WHAT) };
}
