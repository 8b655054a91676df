/**
 * Proofs in a file: that an entry is in a log whose checkpoint was witnessed, to be verified offline.
 *
 * Specification: https://c2sp.org/tlog-proof (2026-07-22, no version yet).
 */

import { octets, parseBase64, parseDecimal, parseHash } from "./hashing.ts";
import { MAX_BYTES } from "./notes.ts";
import { malformed } from "./reasons.ts";

const WHAT = "tlog-proof";
const HEADER = "c2sp.org/tlog-proof@v1";
const MOST_HASHES = 63;
const NOT_ASCII = /[\x80-\xff]/;

/** Entry `index` is in the tree that `checkpoint` is the note of, by `hashes`. `extra` is not authenticated. */
export type TlogProof = {
  index: bigint;
  hashes: readonly Uint8Array[];
  checkpoint: Uint8Array;
  extra: Uint8Array;
};

/** The proof that a file says; Unverified for every other file. Section "Format". The note in it isn't read here. */
export function parseProof(data: Uint8Array): TlogProof {
  if (data.length > MAX_BYTES) throw malformed(WHAT, `at most ${MAX_BYTES} bytes`);
  const text = octets(data);
  const end = text.indexOf("\n\n");
  if (end < 0 || NOT_ASCII.test(text.slice(0, end))) throw malformed(WHAT, "lines, an empty line, and a checkpoint");
  const [header, ...lines] = text.slice(0, end).split("\n");
  if (header !== HEADER) throw malformed(WHAT, HEADER);
  const said = lines[0]?.startsWith("extra ") ? lines.shift()!.slice("extra ".length) : undefined;
  const extra = said === undefined ? new Uint8Array() : parseBase64(said, WHAT);
  const [index, ...hashes] = lines;
  if (said === "" || !index?.startsWith("index ")) {
    throw malformed(WHAT, "extra data if there is any, then the index");
  }
  if (hashes.length > MOST_HASHES) throw malformed(WHAT, `at most ${MOST_HASHES} hashes`);
  return {
    index: parseDecimal(index.slice("index ".length), WHAT),
    hashes: hashes.map((line) => parseHash(line, WHAT)),
    checkpoint: data.slice(end + 2),
    extra,
  };
}
