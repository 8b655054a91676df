/**
 * Keys that sign checkpoints: the log's and its witnesses'.
 *
 * Specifications: https://c2sp.org/signed-note@v1.0.0 for vkeys and plain Ed25519 signatures;
 * https://c2sp.org/tlog-cosignature@v1.1.0-rc.1 for the two timestamped ones. Each type signs another message, so that
 * no signature can be passed off as one of another type.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { parseCheckpoint } from "./checkpoint.ts";
import { MAX_SIZE, bytesOf, formatHash, hex, joined, parseBase64, sha256, uint64 } from "./hashing.ts";
import { isKeyName } from "./notes.ts";
import { malformed } from "./reasons.ts";

const TIMESTAMP_BYTES = 8;
const MOST_NAME_BYTES = 255;

/** Signature types that are known here. signed-note, section "Signature types". */
export const Type = { ED25519: 0x01, COSIGNATURE_ED25519: 0x04, COSIGNATURE_MLDSA44: 0x06 } as const;
export type Type = (typeof Type)[keyof typeof Type];

const NAMES: Record<Type, string> = { 0x01: "ED25519", 0x04: "COSIGNATURE_ED25519", 0x06: "COSIGNATURE_MLDSA44" };
const PUBLIC_BYTES: Record<Type, number> = { 0x01: 32, 0x04: 32, 0x06: 1312 };

/** A public key with its name and its type: what a vkey says. signed-note, section "Verifier keys". */
export class VerifierKey {
  readonly name: string;
  readonly type: Type;
  readonly publicKey: Uint8Array;
  /** Tells keys apart, and is no fingerprint. signed-note, section "Signatures". */
  readonly keyId: Uint8Array;

  constructor(name: string, type: Type, publicKey: Uint8Array) {
    this.name = name;
    this.type = type;
    this.publicKey = publicKey;
    this.keyId = sha256(joined(bytesOf(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, 4);
  }

  /** The vkey. */
  toString(): string {
    return `${this.name}+${hex(this.keyId)}+${formatHash(joined(Uint8Array.of(this.type), this.publicKey))}`;
  }

  /** The type, as the specifications call it. */
  get typeName(): string {
    return NAMES[this.type];
  }

  /** Whether `payload` is this key's signature of the note's text. */
  verifies(text: string, payload: Uint8Array): boolean {
    const timed = this.type !== Type.ED25519;
    if (timed && (payload.length < TIMESTAMP_BYTES || timestamp(payload) > MAX_SIZE)) return false;
    const signature = timed ? payload.slice(TIMESTAMP_BYTES) : payload;
    try {
      const message = messageOf(this.type, this.name, text, timed ? timestamp(payload) : 0n);
      return this.type === Type.COSIGNATURE_MLDSA44
        ? ml_dsa44.verify(signature, message, this.publicKey)
        : ed25519.verify(signature, message, this.publicKey, { zip215: false });
    } catch {
      return false; // a key that is none, a signature of another length, a text that is no checkpoint
    }
  }
}

/** When a cosignature was made, as it says, in seconds since 1970. tlog-cosignature, section "Format". */
export function timestamp(payload: Uint8Array): bigint {
  return new DataView(payload.buffer, payload.byteOffset, TIMESTAMP_BYTES).getBigUint64(0);
}

/** What is signed. */
function messageOf(type: Type, name: string, text: string, atS: bigint): Uint8Array {
  switch (type) {
    case Type.ED25519:
      return bytesOf(text);
    case Type.COSIGNATURE_ED25519: // section "Ed25519 signed message": extension lines included, name not
      return bytesOf(`cosignature/v1\ntime ${atS}\n${text}`);
    case Type.COSIGNATURE_MLDSA44: {
      // section "ML-DSA-44 signed message": the whole tree, so start is 0
      const tree = parseCheckpoint(text);
      return joined(
        bytesOf("subtree/v1\n\0"),
        prefixed(name),
        uint64(atS),
        prefixed(tree.origin),
        uint64(0n),
        uint64(tree.size),
        tree.root,
      );
    }
  }
}

/** opaque<1..2^8-1>. */
function prefixed(name: string): Uint8Array {
  const data = bytesOf(name);
  if (data.length < 1 || data.length > MOST_NAME_BYTES) {
    throw malformed("ML-DSA-44 cosignature", "names and origins have 1 to 255 bytes");
  }
  return joined(Uint8Array.of(data.length), data);
}

/** The key that a vkey says; Unverified for every other text, and for types that are unknown here. */
export function parseVkey(text: string): VerifierKey {
  const [name = "", keyId = "", ...encoded] = text.split("+"); // base64 has pluses of its own
  const data = parseBase64(encoded.join("+"), "vkey");
  const type = Object.values(Type).find((one) => one === data[0]);
  if (type === undefined) throw malformed("vkey", "a signature type of 0x01, 0x04 or 0x06");
  const key = new VerifierKey(name, type, data.slice(1));
  if (!isKeyName(name) || key.publicKey.length !== PUBLIC_BYTES[type] || hex(key.keyId) !== keyId) {
    throw malformed("vkey", "<name>+<key id>+<type and public key>, each agreeing with the others");
  }
  return key;
}
