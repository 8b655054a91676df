/**
 * Signed notes: a text, and who signed it.
 *
 * Specification: https://c2sp.org/signed-note@v1.0.0. What a signature is depends on its type: see `keys`.
 */

import { hex, parseBase64, textOf } from "./hashing.ts";
import type { VerifierKey } from "./keys.ts";
import { BAD_SIGNATURE, UNSIGNED, Unverified, malformed } from "./reasons.ts";

export const MAX_BYTES = 1_000_000;
/** Section "Format": verifiers limit both, and accept at least 16 signatures. */
export const MAX_SIGNATURES = 64;

const WHAT = "signed note";
const CONTROL = /[\x00-\x09\x0b-\x1f]/;
/** Unicode's spaces, as Python's str.isspace knows them; JavaScript's \s has another opinion on some. */
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** One signature line: what `payload` is depends on the key's type. */
export type Signature = { name: string; keyId: Uint8Array; payload: Uint8Array };

/** A text that ends in a newline, and its signatures, which say nothing until they are verified. */
export type Note = { text: string; signatures: readonly Signature[] };

/** The note that the bytes are; Unverified for all that is not a signed note. Section "Format". */
export function parseNote(data: Uint8Array): Note {
  if (data.length > MAX_BYTES) throw malformed(WHAT, `at most ${MAX_BYTES} bytes`);
  const whole = textOf(data);
  if (whole === undefined) throw malformed(WHAT, "valid UTF-8");
  if (CONTROL.test(whole)) throw malformed(WHAT, "no control character but the newline");
  const at = whole.lastIndexOf("\n\n");
  if (at < 0) throw malformed(WHAT, "a text, an empty line, and signature lines");
  return { text: whole.slice(0, at + 1), signatures: parseSignatures(whole.slice(at + 2)) };
}

function parseSignatures(lines: string): Signature[] {
  const found = lines.split("\n");
  const rest = found.pop();
  if (rest || found.length < 1 || found.length > MAX_SIGNATURES) {
    throw malformed(WHAT, `1 to ${MAX_SIGNATURES} signature lines that end in newlines`);
  }
  return found.map(parseSignature);
}

function parseSignature(line: string): Signature {
  const [dash, name, encoded, ...more] = line.split(" ");
  if (dash !== "—" || !name || !encoded || more.length || !isKeyName(name) || SPACE.test(encoded)) {
    throw malformed(WHAT, "a signature line is: em dash, key name, base64");
  }
  const signature = parseBase64(encoded, WHAT);
  if (signature.length < 5) throw malformed(WHAT, "a signature has a key id of 4 bytes before it");
  return { name, keyId: signature.slice(0, 4), payload: signature.slice(4) };
}

/** Whether this can be a key's name: not empty, neither Unicode spaces nor a plus. */
export function isKeyName(name: string): boolean {
  return name !== "" && !name.includes("+") && !SPACE.test(name);
}

/**
 * The signatures by known keys, each with its key, all of them verified.
 *
 * Section "Signatures": those by unknown keys are ignored; one by a known key that is wrong spoils the note; without any
 * by a known key the note is refused.
 */
export function openNote(note: Note, keys: Iterable<VerifierKey>): [VerifierKey, Signature][] {
  const known = new Map([...keys].map((key) => [`${key.name}+${hex(key.keyId)}`, key]));
  const verified: [VerifierKey, Signature][] = [];
  for (const signature of note.signatures) {
    const key = known.get(`${signature.name}+${hex(signature.keyId)}`);
    if (!key) continue;
    if (!key.verifies(note.text, signature.payload)) throw new Unverified(BAD_SIGNATURE, { name: signature.name });
    verified.push([key, signature]);
  }
  if (!verified.length) throw new Unverified(UNSIGNED);
  return verified;
}
