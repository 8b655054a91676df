/** A good receipt may be that of something else than what is shown, and another policy may be served: both are noticed. */

import { create, fromJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { ed25519 } from "@noble/curves/ed25519.js";
import { expect, test } from "vitest";
import { LedgerEntrySchema } from "../src/gen/regard/audit/v1/audit_pb.ts";
import { Action, ReaderKind } from "../src/gen/regard/audit/v1/events_pb.ts";
import { examine } from "../src/parts/receipt-check.ts";
import { trust, trustInstead } from "../src/parts/trust.ts";
import { bytesOf, formatHash, joined, leafHash } from "../src/verify/hashing.ts";
import { Type, VerifierKey } from "../src/verify/keys.ts";
import { entryOf } from "../src/verify/record.ts";
import { storage } from "./storage.ts";

const ORIGIN = "regard.example/log";
const AT = "2026-01-05T10:00:00.123556Z";
const seed = new Uint8Array(32).fill(7);
const key = new VerifierKey(ORIGIN, Type.ED25519, ed25519.getPublicKey(seed));
const policy = `log ${key}\nquorum none\n`;
const access = { access_id: "a", action: "ACTION_READ", at: AT, reader_id: "léo", reader_kind: "READER_KIND_MEMBER" };

/** The receipt of a log of one entry. */
function receiptOf(record: object): Uint8Array {
  const [salt, said] = [new Uint8Array(32).fill(1), bytesOf(JSON.stringify(record))];
  const text = `${ORIGIN}\n1\n${formatHash(leafHash(entryOf(salt, said)))}\n`;
  const signed = formatHash(joined(key.keyId, ed25519.sign(bytesOf(text), seed)));
  const head = `c2sp.org/tlog-proof@v1\nextra ${formatHash(joined(salt, said))}\nindex 0\n\n`;
  return bytesOf(`${head}${text}\n— ${ORIGIN} ${signed}\n`);
}

const receipt = receiptOf({ access, group: "g", index: 0, kind: "access", of: 1, previous: "", revision: 0 });
const line = create(LedgerEntrySchema, {
  accessId: "a",
  groupId: "g",
  readerId: "léo",
  readerKind: ReaderKind.MEMBER,
  action: Action.READ,
  at: fromJson(TimestampSchema, AT),
});
const asked = { groupId: "g", accessId: "a", line };

test("a good receipt of what is shown passes every step", () => {
  const examined = examine(receipt, policy, asked);
  expect(examined.steps.map((one) => one.id)).toEqual([
    "read",
    "entry",
    "signed",
    "witnessed",
    "included",
    "asked",
    "line",
  ]);
  expect([examined.refused, examined.other]).toEqual([undefined, undefined]);
  expect(examined.access?.readerId).toBe("léo");
});

test("without the ledger's line, what was asked for is compared all the same", () => {
  expect(examine(receipt, policy, { ...asked, line: undefined }).steps.at(-1)?.id).toBe("asked");
});

test.each([
  { ...asked, accessId: "b" },
  { ...asked, groupId: "h" },
])("the receipt of something else is noticed", (other) => {
  expect(examine(receipt, policy, other)).toMatchObject({ other: "asked" });
});

test("a record on the stream of its break-glass is of the group that it names", () => {
  const examined = (group: string, more: object) => {
    const said = Object.fromEntries(Object.entries({ ...access, ...more }).sort());
    return examine(receiptOf({ access: said, group, index: 0, kind: "access", of: 1, previous: "", revision: 0 }), policy, asked);
  };
  expect(examined("b", { break_glass_id: "b", group_id: "g" }).steps.at(-1)?.id).toBe("line");
  expect(examined("c", { break_glass_id: "b", group_id: "g" }).other).toBe("asked");
  expect(examined("b", { break_glass_id: "b", group_id: "h" }).other).toBe("asked");
  expect(examined("b", { break_glass_id: "b" }).other).toBe("asked");
});

test("what is no access is none that was asked for", () => {
  const closed = receiptOf({ closed: access, group: "g", index: 0, kind: "live_closed", of: 1, previous: "", revision: 0 });
  expect(examine(closed, policy, asked)).toMatchObject({ other: "asked" });
});

test.each([
  { readerId: "zoé" },
  { readerKind: ReaderKind.AUDITOR },
  { action: Action.EXPORT },
  { at: fromJson(TimestampSchema, "2026-01-05T10:00:00.123457Z") },
])("a ledger that shows something else is noticed: %o", (changed) => {
  expect(examine(receipt, policy, { ...asked, line: create(LedgerEntrySchema, { ...line, ...changed }) })).toMatchObject({
    other: "line",
  });
});

test("what does not verify says why, after the steps that did", () => {
  const changed = receipt.slice();
  changed[changed.length - 10]! ^= 1;
  const { steps, refused } = examine(changed, policy, asked);
  expect(steps.map((one) => one.id)).toEqual(["read", "entry"]);
  expect(refused?.id).toBe("VER-02");
});

test("the policy seen first is kept; another one is told, and not used until it is trusted", async () => {
  const browser = storage();
  const served = (text: string) => () => Promise.resolve(text);
  expect(await trust(browser, served("one"))).toEqual({ kept: "one" });
  expect(await trust(browser, served("two"))).toEqual({ kept: "one", served: "two" });
  expect(await trust(browser, () => Promise.reject(new Error("no network")))).toEqual({ kept: "one" });
  trustInstead("two", browser);
  expect(await trust(browser, served("two"))).toEqual({ kept: "two" });
});

test("without a policy nothing is trusted", async () => {
  await expect(trust(storage(), () => Promise.reject(new Error("no network")))).rejects.toThrow("no network");
});
