/** Lines of a ledger, as far as they were read: new ones in their place, grouped by hour and reader. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { InfiniteData } from "@tanstack/react-query";
import type { LedgerEntry, ListAccessesResponse } from "../gen/regard/audit/v1/audit_pb.ts";
import { ReaderKind } from "../gen/regard/audit/v1/events_pb.ts";

export type Ledger = InfiniteData<ListAccessesResponse, string>;

/** Where the lines of a group lie among what was read. */
export const ledgerKey = (groupId: string) => ["ledger", groupId];

/** What one reader did in an hour, newest first; `reader` is empty for readers who are counted. */
export type Looks = { key: string; reader: string; entries: LedgerEntry[] };
export type Hour = { start: Date; readers: Looks[] };

const PRIVILEGED = [
  ReaderKind.AUDITOR,
  ReaderKind.DATA_PROTECTION_OFFICER,
  ReaderKind.BREAK_GLASS,
  ReaderKind.SERVICE,
  ReaderKind.ADMINISTRATOR,
];

/** People who look because of a role, and not because they belong to the group. */
export function isPrivileged(entry: LedgerEntry): boolean {
  return PRIVILEGED.includes(entry.readerKind);
}

/** Names a line: its access, or, where readers are counted, what is counted in it. */
export function keyOf(entry: LedgerEntry): string {
  if (entry.accessId) return entry.accessId;
  return [entry.at?.seconds, entry.action, entry.readerKind, entry.purpose, entry.purposeReference].join("/");
}

/** The ledger with a line in its place: as it is now, or new at the beginning. */
export function withEntry(ledger: Ledger, entry: LedgerEntry): Ledger {
  const key = keyOf(entry);
  const known = ledger.pages.flatMap((page) => page.entries);
  if (known.some((one) => keyOf(one) === key)) {
    const now = (one: LedgerEntry) => (keyOf(one) === key && !isLater(one, entry) ? entry : one);
    return { ...ledger, pages: ledger.pages.map((page) => ({ ...page, entries: page.entries.map(now) })) };
  }
  // What ends now may have begun before all that was read: its line waits until it is asked for.
  if (entry.endedAt && known[0] && secondsOf(known[0]) > secondsOf(entry)) return ledger;
  const [first, ...rest] = ledger.pages;
  return first ? { ...ledger, pages: [{ ...first, entries: [entry, ...first.entries] }, ...rest] } : ledger;
}

/** Whether a line is the other one as it is later: with more accesses in it, or with its end. */
function isLater(one: LedgerEntry, other: LedgerEntry): boolean {
  return one.count > other.count || (one.count === other.count && !!one.endedAt && !other.endedAt);
}

function secondsOf(entry: LedgerEntry): bigint {
  return entry.at?.seconds ?? 0n;
}

/** The lines by hour, newest first, and in each hour by reader, the latest first. */
export function byHour(entries: Iterable<LedgerEntry>): Hour[] {
  const hours = new Map<number, Map<string, Looks>>();
  for (const entry of entries) {
    const start = entry.at ? timestampDate(entry.at) : new Date(0);
    start.setMinutes(0, 0, 0);
    const readers = hours.get(start.getTime()) ?? new Map<string, Looks>();
    hours.set(start.getTime(), readers);
    const key = `${start.getTime()}/${entry.readerId}/${entry.readerKind}`;
    const looks = readers.get(key) ?? { key, reader: entry.readerId, entries: [] };
    readers.set(key, looks);
    looks.entries.push(entry);
  }
  return [...hours]
    .sort(([one], [other]) => other - one)
    .map(([start, readers]) => ({ start: new Date(start), readers: [...readers.values()] }));
}
