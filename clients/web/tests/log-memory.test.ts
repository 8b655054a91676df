/** What the log shows is compared with what it showed before: vectors give its checkpoints and its tiles. */

import { expect, test } from "vitest";
import vectors from "../../../tests/unit/verify/vectors.json";
import { type Grown, type Files, lookAgain } from "../src/parts/log-memory.ts";
import { parseCheckpoint } from "../src/verify/checkpoint.ts";
import { formatHash, joined, parseBase64, textOf } from "../src/verify/hashing.ts";
import { parseNote } from "../src/verify/notes.ts";
import { storage } from "./storage.ts";

const bytes = (text: string) => parseBase64(text, "vector");
const checkpoint = (note: string) => parseCheckpoint(parseNote(bytes(note)).text);
const growth = (name: string) => vectors.growths.find((one) => one.name === name)!;
const policy = textOf(bytes(vectors.trusted[1]!))!;
const { last: of44, now: of300 } = growth("from 44");
const nothing = checkpoint(growth("from 0").last);

const KEPT = "regard-log-checkpoint";

/** The log as vectors have it, showing this checkpoint; `changed` files take the place of others. */
function log(note: string, changed: Record<string, string | undefined> = {}): Files {
  const files: Record<string, string | undefined> = { ...vectors.tiles, checkpoint: note, ...changed };
  return async (path) => (files[path] === undefined ? undefined : bytes(files[path]));
}

function told({ now, before }: Grown): object {
  return { now, ...(before === undefined ? {} : { before }) };
}

test("the policy of the vectors wants no witness", () => expect(policy).toMatch(/quorum none/));

test("what the log shows is kept, and contained in what it shows later", async () => {
  const browser = storage();
  expect(told(await lookAgain(policy, nothing, browser, log(of44)))).toEqual({ now: 44n });
  expect(told(await lookAgain(policy, checkpoint(of44), browser, log(of300)))).toEqual({ now: 300n, before: 44n });
  expect(told(await lookAgain(policy, checkpoint(of44), browser, log(of300)))).toEqual({ now: 300n, before: 300n });
});

test("a partial tile that has gone is read out of the full one", async () => {
  const [partial] = Object.keys(vectors.tiles).filter((path) => path.startsWith("tile/0/") && path.includes(".p/"));
  const place = partial!.split(".p/")[0]!;
  const rest = new Uint8Array(8192 - bytes((vectors.tiles as Record<string, string>)[partial!]!).length);
  const full = formatHash(joined(bytes((vectors.tiles as Record<string, string>)[partial!]!), rest));
  const moved = log(of300, { [partial!]: undefined, [place]: full });
  expect(told(await lookAgain(policy, checkpoint(growth("from 257").last), storage(), moved))).toEqual({ now: 300n });
});

test("a log that forgets is noticed, and what it showed before stays kept", async () => {
  const browser = storage();
  await lookAgain(policy, nothing, browser, log(of300));
  const { now: of200 } = growth("from more");
  await expect(lookAgain(policy, nothing, browser, log(of200))).rejects.toThrow("VER-10");
  await expect(lookAgain(policy, nothing, browser, log(of200))).rejects.toThrow("VER-10");
});

test("a fork is noticed: of what was seen before, and of what a receipt says", async () => {
  const fork = growth("from 257 of a fork").last;
  const browser = storage();
  await lookAgain(policy, nothing, browser, log(fork));
  await expect(lookAgain(policy, nothing, browser, log(of300))).rejects.toThrow("VER-11");
  await expect(lookAgain(policy, checkpoint(fork), storage(), log(of300))).rejects.toThrow("VER-11");
});

test("a checkpoint that nobody trusted has signed is not looked at", async () => {
  const text = formatHash(bytes(of300).map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
  await expect(lookAgain(policy, nothing, storage(), log(text))).rejects.toThrow("VER-07");
});

test("a log with other keys, once these are trusted, is another one", async () => {
  const browser = storage();
  await lookAgain(policy, nothing, browser, log(of300));
  // The first characters of a signature are the key's id.
  const kept = browser.getItem(KEPT)!;
  const sign = kept.lastIndexOf(" ") + 1;
  browser.setItem(KEPT, `${kept.slice(0, sign)}AAAA${kept.slice(sign + 4)}`);
  expect(told(await lookAgain(policy, nothing, browser, log(of44)))).toEqual({ now: 44n });
});
