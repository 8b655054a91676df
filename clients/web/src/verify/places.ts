/**
 * That nothing is missing between the accesses of one group: each has a place, and names what came before it.
 *
 * A place is a revision of the group's access stream, and an index among the `of` accesses of that event. Revisions have
 * no gap, so neither have places; and each record carries the commitment of the place before, so that one group has one
 * history even if all of it were written anew. docs/decisions/0005.
 */

import { formatHash } from "./hashing.ts";
import { OTHER_HISTORY, PLACE_MISSING, Unverified, malformed } from "./reasons.ts";
import type { Receipt } from "./receipt.ts";
import { commitment, parseRecord } from "./record.ts";

/** Where a record stands in its group, and the commitments that tie it to its neighbours, in base64. */
export type Place = {
  group: string;
  revision: number;
  index: number;
  of: number;
  previous: string;
  commitment: string;
};

/** Where the record of a receipt stands; undefined for what belongs to no group, as tombstones. Throws Unverified. */
export function placeOf(receipt: Pick<Receipt, "salt" | "record">): Place | undefined {
  const { group, revision, index, of, previous } = parseRecord(receipt.record);
  if (typeof group !== "string" || typeof previous !== "string") return undefined;
  if (typeof revision !== "number" || typeof index !== "number" || typeof of !== "number") return undefined;
  if (revision < 0 || index < 0 || index >= of) {
    throw malformed("record", "a place is a revision, and an index among its accesses");
  }
  return { group, revision, index, of, previous, commitment: formatHash(commitment(receipt.salt, receipt.record)) };
}

/**
 * First and last of the places of one group, once nothing is missing between them; undefined if there are none.
 *
 * Throws Unverified for the first that is missing, or that comes from another history. The places are those of receipts
 * that were verified. That none is missing after the last is for the ledger's head to say.
 */
export function requireNoGap(places: Iterable<Place>): [Place, Place] | undefined {
  const apart = new Map([...places].map((place) => [JSON.stringify(place), place]));
  const ordered = [...apart.values()].sort((one, other) => one.revision - other.revision || one.index - other.index);
  ordered.slice(1).forEach((other, at) => {
    const { group, revision, index, of, commitment: before } = ordered[at]!;
    const otherHistory = new Unverified(OTHER_HISTORY, { group, revision: other.revision, index: other.index });
    if (other.revision === revision && other.index === index) throw otherHistory;
    const next = index + 1 < of ? { revision, index: index + 1 } : { revision: revision + 1, index: 0 };
    if (other.revision !== next.revision || other.index !== next.index) {
      throw new Unverified(PLACE_MISSING, { group, ...next });
    }
    if (other.previous !== before) throw otherHistory;
  });
  const [first, last] = [ordered[0], ordered.at(-1)];
  return first && last ? [first, last] : undefined;
}
