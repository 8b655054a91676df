/**
 * Trust policies: whose log, and which witnesses must have seen its checkpoint before it is believed.
 *
 * Specification: https://c2sp.org/tlog-policy (2026-07-22, no version yet).
 */

import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { fromOctets, octets, parseDecimal, same, textOf } from "./hashing.ts";
import { Type, type VerifierKey, parseVkey, timestamp } from "./keys.ts";
import { MAX_BYTES, type Note, type Signature, openNote, parseNote } from "./notes.ts";
import { NOT_WITNESSED, UNKNOWN_LOG, UNSIGNED, Unverified, malformed } from "./reasons.ts";

const WHAT = "tlog-policy";
const NONE = "none";
const FORBIDDEN = /[^\t\n\x20-\x7e\x80-\xff]/;
const LOG_TYPES: readonly Type[] = [Type.ED25519, Type.COSIGNATURE_MLDSA44];
const WITNESS_TYPES: readonly Type[] = [Type.COSIGNATURE_ED25519, Type.COSIGNATURE_MLDSA44];

/** Witnesses the checkpoints that at least `threshold` of its members witness. */
type Group = { threshold: number; members: readonly string[] };

/** A checkpoint that a policy accepts, and why. */
export type Vouched = {
  checkpoint: Checkpoint;
  note: Note;
  logs: readonly VerifierKey[];
  /** When each witness of the policy signed, as it says, in seconds since 1970. */
  witnesses: ReadonlyMap<string, bigint>;
  /** Signatures that nobody could verify. */
  unknown: readonly Signature[];
};

/** Logs, witnesses and groups of them by name, and the quorum: a name, or "none". */
export class Policy {
  readonly logs: readonly VerifierKey[];
  readonly witnesses: ReadonlyMap<string, VerifierKey>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly quorum: string;

  constructor(
    logs: readonly VerifierKey[],
    witnesses: ReadonlyMap<string, VerifierKey>,
    groups: ReadonlyMap<string, Group>,
    quorum: string,
  ) {
    this.logs = logs;
    this.witnesses = witnesses;
    this.groups = groups;
    this.quorum = quorum;
  }

  /**
   * The checkpoint of one of the logs, once it is signed as the policy wants. Throws Unverified.
   *
   * Section "What is a policy": signed by any one of the listed logs, and cosigned as the quorum says.
   */
  open(data: Uint8Array): Vouched {
    const note = parseNote(data);
    const checkpoint = parseCheckpoint(note.text);
    const logKeys = this.logs.filter((key) => key.name === checkpoint.origin);
    if (!logKeys.length) throw new Unverified(UNKNOWN_LOG, { origin: checkpoint.origin });
    const isLog = new Set(logKeys.map(String));
    const names = new Map([...this.witnesses].map(([name, key]) => [String(key), name]));
    const signed = openNote(note, [...logKeys, ...this.witnesses.values()]);
    const logs = new Map(signed.filter(([key]) => isLog.has(String(key))).map(([key]) => [String(key), key]));
    if (!logs.size) throw new Unverified(UNSIGNED);
    const witnesses = new Map<string, bigint>();
    for (const [key, one] of signed) {
      const name = names.get(String(key));
      if (name !== undefined) witnesses.set(name, timestamp(one.payload));
    }
    if (!this.isQuorum(witnesses.keys())) {
      throw new Unverified(NOT_WITNESSED, {
        seen: [...witnesses.keys()].map(shownName).join(", ") || "—",
        wanted: shownName(this.quorum),
      });
    }
    const known = new Set(signed.map(([, one]) => one));
    return {
      checkpoint,
      note,
      logs: [...logs.values()],
      witnesses,
      unknown: note.signatures.filter((one) => !known.has(one)),
    };
  }

  /** Whether these witnesses are enough. Sections "Defining the quorum" and "Defining a witness group". */
  isQuorum(witnesses: Iterable<string>): boolean {
    const witnessed = new Set([NONE, ...witnesses]);
    // Members come before the groups that they are in.
    for (const [name, group] of this.groups) {
      if (group.members.filter((member) => witnessed.has(member)).length >= group.threshold) witnessed.add(name);
    }
    return witnessed.has(this.quorum);
  }
}

/** A name of a policy for people. Section "Character set": names are opaque octets, usually of UTF-8. */
export function shownName(name: string): string {
  return textOf(fromOctets(name)) ?? name;
}

/** The policy that a file says; Unverified if it is none. Section "Policy file syntax and structure". */
export function parsePolicy(data: Uint8Array): Policy {
  const text = octets(data);
  if (data.length > MAX_BYTES || FORBIDDEN.test(text) || !text.endsWith("\n")) {
    throw malformed(WHAT, `lines that end in newlines, no other control character but tabs, ${MAX_BYTES} bytes`);
  }
  const reader = new Reader();
  for (const line of text.split("\n")) {
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words[0] && !words[0].startsWith("#")) reader.read(words);
  }
  return reader.policy();
}

/** What the lines of a policy have said so far. */
class Reader {
  readonly #logs: VerifierKey[] = [];
  readonly #witnesses = new Map<string, VerifierKey>();
  readonly #groups = new Map<string, Group>();
  readonly #members = new Set<string>();
  #quorum = "";

  read([kind, first, second, ...rest]: string[]): void {
    if (kind === "log" && first !== undefined && rest.length === 0) {
      this.#logs.push(partyKey(first, LOG_TYPES, this.#logs));
    } else if (kind === "witness" && first !== undefined && second !== undefined && rest.length < 2) {
      this.#define(first);
      this.#witnesses.set(first, partyKey(second, WITNESS_TYPES, this.#witnesses.values()));
    } else if (kind === "group" && first !== undefined && second !== undefined && rest.length) {
      this.#group(first, second, rest);
    } else if (kind === "quorum" && first !== undefined && second === undefined && this.#mayBeQuorum(first)) {
      this.#quorum = first;
    } else {
      throw malformed(WHAT, "log, witness, group or one quorum line, with names defined before");
    }
  }

  policy(): Policy {
    if (!this.#quorum) throw malformed(WHAT, "exactly one quorum line");
    return new Policy(this.#logs, this.#witnesses, this.#groups, this.#quorum);
  }

  #mayBeQuorum(name: string): boolean {
    return !this.#quorum && (name === NONE || this.#isDefined(name));
  }

  #isDefined(name: string): boolean {
    return this.#witnesses.has(name) || this.#groups.has(name);
  }

  #define(name: string): void {
    if (name === NONE || this.#isDefined(name)) throw malformed(WHAT, "each name is defined once, and is not “none”");
  }

  #group(name: string, threshold: string, members: string[]): void {
    this.#define(name);
    if (!members.every((one) => this.#isDefined(one))) throw malformed(WHAT, "members are defined on preceding lines");
    if (new Set(members).size < members.length || members.some((one) => this.#members.has(one))) {
      throw malformed(WHAT, "each name is a member once at most");
    }
    const all = BigInt(members.length);
    const enough = threshold === "any" ? 1n : threshold === "all" ? all : parseDecimal(threshold, WHAT);
    if (enough < 1n || enough > all) throw malformed(WHAT, "a threshold is 1 to the number of members");
    for (const one of members) this.#members.add(one);
    this.#groups.set(name, { threshold: Number(enough), members });
  }
}

/** The key of a log or witness. Section "Public key representation": keys are duplicates whatever they are called. */
function partyKey(vkey: string, types: readonly Type[], others: Iterable<VerifierKey>): VerifierKey {
  const text = textOf(fromOctets(vkey));
  if (text === undefined) throw malformed("vkey", "valid UTF-8");
  const key = parseVkey(text);
  if (!types.includes(key.type)) throw malformed(WHAT, "a key has a signature type for what it does");
  if ([...others].some((other) => same(other.publicKey, key.publicKey))) {
    throw malformed(WHAT, "no two logs and no two witnesses have the same key");
  }
  return key;
}
