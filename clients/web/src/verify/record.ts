/**
 * What an entry of Regard's log stands for: a record, hidden behind a commitment until somebody opens it.
 *
 * Entry: 0x01 and a commitment. Commitment: HMAC-SHA-256 with 32 random bytes, the salt, as key, over a domain tag and
 * the record. Record: one JSON object in UTF-8 with sorted keys and without white space. docs/decisions/0005.
 */

import { bytesOf, hmacSha256, joined, textOf } from "./hashing.ts";
import { malformed } from "./reasons.ts";

export const SALT_BYTES = 32;

const DOMAIN = "regard.log/record/v1\n";
const WHAT = "record";
/** Half of a character of UTF-16, which UTF-8 can't say. */
const HALF = /\p{Surrogate}/u;

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type LogRecord = { kind: string; [name: string]: Json };

/** What stands for the record; it says nothing of it without the salt, and opens to no other record. */
export function commitment(salt: Uint8Array, record: Uint8Array): Uint8Array {
  return hmacSha256(salt, joined(bytesOf(DOMAIN), record));
}

/** The log's entry for the record. */
export function entryOf(salt: Uint8Array, record: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(1), commitment(salt, record));
}

/** What the bytes of a record say; Unverified unless they are the one way to say it. */
export function parseRecord(data: Uint8Array): LogRecord {
  const text = textOf(data);
  let record: Json;
  let written: string;
  try {
    record = JSON.parse(text ?? "") as Json;
    written = canonical(record);
  } catch {
    throw malformed(WHAT, "one JSON object in UTF-8"); // nor is a record nested deeply: of RangeError too
  }
  if (record === null || typeof record !== "object" || Array.isArray(record) || written !== text) {
    throw malformed(WHAT, "one JSON object, keys sorted, no white space");
  }
  if (!Object.hasOwn(record, "kind") || typeof record["kind"] !== "string") {
    throw malformed(WHAT, "every record has a kind");
  }
  return record as LogRecord;
}

/** The one way to write a value. A number that JavaScript does not hold exactly comes out as another. */
function canonical(value: Json): string {
  if (typeof value === "string") {
    if (HALF.test(value)) throw new RangeError("half a character");
    return JSON.stringify(value);
  }
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const names = Object.keys(value).sort(byCodePoint);
  return `{${names.map((name) => `${canonical(name)}:${canonical(value[name]!)}`).join(",")}}`;
}

/** The order of UTF-8, which that of UTF-16, JavaScript's own, is not beyond U+FFFF. */
function byCodePoint(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = a[at]!.codePointAt(0)! - b[at]!.codePointAt(0)!;
    if (difference) return difference;
  }
  return a.length - b.length;
}
