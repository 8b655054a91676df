/** The verifier says of every vector what Python's says: see tests/unit/verify/vectors.py. */

import { describe, expect, test } from "vitest";
import vectors from "../../../tests/unit/verify/vectors.json";
import { parseCheckpoint } from "../src/verify/checkpoint.ts";
import { formatHash, fromOctets, parseBase64 } from "../src/verify/hashing.ts";
import { requireGrowth } from "../src/verify/history.ts";
import { parseNote } from "../src/verify/notes.ts";
import { placeOf, requireNoGap } from "../src/verify/places.ts";
import { parsePolicy } from "../src/verify/policy.ts";
import { type Step, verifyReceipt } from "../src/verify/receipt.ts";
import { Unverified } from "../src/verify/reasons.ts";
import { parseTile, tileNodes, tilePath } from "../src/verify/tiles.ts";
import { consistencyProof } from "../src/verify/tree.ts";

const bytes = (text: string) => parseBase64(text, "vector");
const trusted = vectors.trusted.map((one) => parsePolicy(bytes(one)));

/** What `act` gives, or why it is refused. */
function outcome<T extends object>(act: () => T): T | { refused: object } {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Unverified)) throw error;
    return { refused: told(error) };
  }
}

function told(error: Unverified): object {
  const [en, fr] = [error.sentence("en"), error.sentence("fr")];
  return { id: error.id, en, fr, remedy_en: error.remedy("en"), remedy_fr: error.remedy("fr") };
}

/** What is malformed may break several rules; which one is told first is nobody's business. */
function whatever<T extends { refused?: { id: string; en: string; fr: string } }>(expected: T): object {
  if (expected.refused?.id !== "VER-01") return expected;
  const [en, fr] = [expected.refused.en, expected.refused.fr].map((said) => said.slice(0, said.indexOf(":") + 1));
  return {
    ...expected,
    refused: { ...expected.refused, en: expect.stringContaining(en!), fr: expect.stringContaining(fr!) },
  };
}

describe("receipts", () => {
  test.each(vectors.receipts)("$name", ({ name: _, receipt, trusted: whom, ...expected }) => {
    const steps: Step[] = [];
    const end = outcome(() => {
      const { record, index, vouched } = verifyReceipt(bytes(receipt), trusted[whom]!, (step) => steps.push(step));
      const witnesses = Object.fromEntries([...vouched.witnesses].map(([name, atS]) => [name, String(atS)]));
      return { record, index: String(index), size: String(vouched.checkpoint.size), witnesses };
    });
    expect({ steps, ...end }).toEqual(whatever(expected));
  });

  test("changed bits are noticed", () => {
    const data = bytes(vectors.receipts[0]!.receipt);
    verifyReceipt(data, trusted[0]!);
    // Each fifth, which is each of the eight somewhere; Python's tests try every one.
    for (let bit = 0; bit < 8 * data.length; bit += 5) {
      const changed = data.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyReceipt(changed, trusted[0]!), `bit ${bit}`).toThrow(Unverified);
    }
  }, 60_000);
});

describe("policies", () => {
  test.each(vectors.policies)("$name", ({ name: _, policy, ...expected }) => {
    const said = outcome(() => {
      const { witnesses, groups, quorum } = parsePolicy(bytes(policy));
      return { witnesses: witnesses.size, groups: groups.size, quorum: formatHash(fromOctets(quorum)) };
    });
    expect("refused" in said ? { refused: (said.refused as { id: string }).id } : said).toEqual(expected);
  });
});

describe("histories of a group", () => {
  test.each(vectors.histories)("$name", ({ name: _, openings, ...expected }) => {
    const said = outcome(() => {
      const places = openings.map(({ salt, record }) => placeOf({ salt: bytes(salt), record: bytes(record) }));
      const ends = requireNoGap(places.filter((place) => place !== undefined));
      return { ends: (ends ?? []).map(({ revision, index }) => [revision, index]) };
    });
    expect(said).toEqual(whatever(expected));
  });
});

describe("a log that grows", () => {
  const checkpoint = (note: string) => parseCheckpoint(parseNote(bytes(note)).text);

  test.each(vectors.growths)("$name", async ({ name: _, last, now, proof, ...expected }) => {
    const grown = requireGrowth(checkpoint(last), checkpoint(now), async () => proof.map(bytes));
    expect(await grown.then(() => ({}), (error: Unverified) => ({ refused: told(error) }))).toEqual(expected);
  });

  test("proofs are made from tiles", async () => {
    const files: Record<string, string> = vectors.tiles;
    const read: string[] = [];
    const nodes = tileNodes(300n, async (tile) => {
      read.push(tilePath(tile));
      return parseTile(bytes(files[tilePath(tile)]!), tile.width, tile.width);
    });
    const good = vectors.growths.filter((one) => !("refused" in one) && one.proof.length);
    expect(good.length).toBeGreaterThan(5);
    for (const { last, now, proof } of good) {
      const made = await consistencyProof(checkpoint(last).size, checkpoint(now).size, nodes);
      expect(made.map(formatHash)).toEqual(proof);
    }
    expect(read.sort()).toEqual(Object.keys(files).sort());
  });

  test("tiles have the paths that they have", () => {
    for (const [path, [level, index, width]] of Object.entries(vectors.paths)) {
      expect(tilePath({ level: Number(level), index: BigInt(index!), width: Number(width) })).toBe(path);
    }
    expect(() => parseTile(new Uint8Array(33), 1, 1)).toThrow("VER-01");
  });
});
