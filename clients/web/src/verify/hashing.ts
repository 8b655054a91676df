/**
 * The hashes of a log's tree, and how hashes and numbers are written in its text formats.
 *
 * Specification: RFC 6962, section 2.1, with SHA-256. The prefixes keep leaves and nodes apart, so that no node can be
 * passed off as an entry.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { malformed } from "./reasons.ts";

export const HASH_BYTES = 32;
/** The largest tree size, and the largest time in seconds, that the formats allow. */
export const MAX_SIZE = (1n << 63n) - 1n;

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export { sha256 };

/** HMAC-SHA-256. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return hmac(sha256, key, message);
}

/** The hash of an entry as a leaf. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(joined(Uint8Array.of(0), entry));
}

/** The hash of two neighbours as one node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(joined(Uint8Array.of(1), left, right));
}

/** The root of the tree without entries. */
export const EMPTY_ROOT = sha256(new Uint8Array());

/** Bytes one after the other. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two byte strings are the same. Nothing here is secret. */
export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** The bytes of a text in UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text that the bytes are in UTF-8; undefined if they are none. */
export function textOf(data: Uint8Array): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}

/** Each byte as the character of that number: for formats of octets. */
export function octets(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += 0x2000) text += String.fromCharCode(...data.subarray(at, at + 0x2000));
  return text;
}

/** The inverse of `octets`. */
export function fromOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (one) => one.charCodeAt(0));
}

/** Bytes in hexadecimal. */
export function hex(value: Uint8Array): string {
  return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A number of 8 bytes, the most significant first. */
export function uint64(value: bigint): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, value);
  return data;
}

/** Bytes in base64 (RFC 4648, section 4, with padding). */
export function formatHash(value: Uint8Array): string {
  return btoa(octets(value));
}

/** The inverse of `formatHash` for 32 bytes; Unverified, naming `what`, for anything else. */
export function parseHash(text: string, what: string): Uint8Array {
  const value = parseBase64(text, what);
  if (value.length !== HASH_BYTES) throw malformed(what, "a hash has 32 bytes");
  return value;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes, if `text` is the one way to write them; Unverified, naming `what`, otherwise. */
export function parseBase64(text: string, what: string): Uint8Array {
  if (!BASE64.test(text)) throw malformed(what, "base64 of RFC 4648, section 4");
  const value = fromOctets(atob(text));
  if (formatHash(value) !== text) throw malformed(what, "base64 of RFC 4648, section 4, in canonical form");
  return value;
}

/** A number from 0 to 2^63 - 1, ASCII decimal without leading zeroes; Unverified, naming `what`, otherwise. */
export function parseDecimal(text: string, what: string): bigint {
  const number = DECIMAL.test(text) ? BigInt(text) : undefined;
  if (number === undefined || number > MAX_SIZE) {
    throw malformed(what, "numbers are ASCII decimal without leading zeroes, at most 2^63 - 1");
  }
  return number;
}
