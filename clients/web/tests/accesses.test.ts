import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { LedgerEntrySchema, ListAccessesResponseSchema } from "../src/gen/regard/audit/v1/audit_pb.ts";
import { Action, ReaderKind } from "../src/gen/regard/audit/v1/events_pb.ts";
import { byHour, type Ledger, withEntry } from "../src/parts/accesses.ts";

const at = (minute: number, hour = 10) => timestampFromDate(new Date(2026, 0, 5, hour, minute));
const named = (accessId: string, minute: number, reader = "léo", ended = false) =>
  create(LedgerEntrySchema, {
    accessId,
    readerId: reader,
    at: at(minute),
    count: 1,
    readers: 1,
    ...(ended ? { endedAt: at(59) } : {}),
  });
const counted = (count: number, action = Action.READ) =>
  create(LedgerEntrySchema, { at: at(0), action, readerKind: ReaderKind.MEMBER, count, readers: 1 });
const ledger = (...pages: ReturnType<typeof named>[][]): Ledger => ({
  pageParams: pages.map(String),
  pages: pages.map((entries) => create(ListAccessesResponseSchema, { entries })),
});
const said = (found: Ledger) =>
  found.pages.map((page) => page.entries.map((one) => (one.accessId || one.action) + (one.endedAt ? "." : "")));

test("a new line comes first", () => {
  expect(said(withEntry(ledger([named("b", 2)], [named("a", 1)]), named("c", 3)))).toEqual([["c", "b"], ["a"]]);
});

test("two accesses of the same moment are two lines", () => {
  expect(said(withEntry(ledger([named("a", 1, "léo", true)]), named("b", 1)))).toEqual([["b", "a."]]);
});

test("a live access that ended keeps its place, and does not begin again", () => {
  const ended = withEntry(ledger([named("b", 2), named("a", 1)]), named("a", 1, "léo", true));
  expect(said(ended)).toEqual([["b", "a."]]);
  expect(said(withEntry(ended, named("a", 1)))).toEqual([["b", "a."]]);
});

test("what ended and began before all that was read waits until it is asked for", () => {
  expect(said(withEntry(ledger([named("b", 2)]), named("a", 1, "léo", true)))).toEqual([["b"]]);
});

test("where readers are counted, a line grows and never shrinks", () => {
  const grown = withEntry(ledger([counted(3), named("a", 1)]), counted(4));
  expect(grown.pages[0]!.entries.map((one) => one.count)).toEqual([4, 1]);
  expect(withEntry(grown, counted(2)).pages[0]!.entries[0]!.count).toBe(4);
  expect(said(withEntry(grown, counted(1, Action.LIVE)))).toEqual([[`${Action.LIVE}`, `${Action.READ}`, "a"]]);
});

test("lines are grouped by hour and by reader, newest first", () => {
  const entries = [named("d", 50), named("c", 40, "zoé"), named("b", 30), create(LedgerEntrySchema, { accessId: "a", at: at(59, 9) })];
  const hours = byHour(entries);
  expect(hours.map((hour) => hour.start.getHours())).toEqual([10, 9]);
  expect(hours[0]!.readers.map((one) => [one.reader, one.entries.map((entry) => entry.accessId)])).toEqual([
    ["léo", ["d", "b"]],
    ["zoé", ["c"]],
  ]);
});
