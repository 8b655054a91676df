/**
 * How a log lies in files: tiles of hashes, and their paths.
 *
 * Specification: https://c2sp.org/tlog-tiles@v0.1.0. Pure layout: nothing here opens a connection. Whoever reads tiles from
 * somewhere hands a function to `tileNodes`.
 */

import { HASH_BYTES } from "./hashing.ts";
import { malformed } from "./reasons.ts";
import { type Nodes, rootOfComplete } from "./tree.ts";

/** Hashes of a full tile. */
export const WIDTH = 256;
const HEIGHT = 8; // a full tile is a complete tree of this height

export const CHECKPOINT_PATH = "checkpoint";

/** Tile `index` of level `level`: hashes [256 * index, 256 * index + width) of that level. */
export type Tile = { level: number; index: bigint; width: number };

/** Below the log's prefix. Section "Merkle Tree". The index is in groups of three digits, all but the last after an x. */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index);
  const [last, ...upper] = digits
    .padStart(Math.ceil(digits.length / 3) * 3, "0")
    .match(/[0-9]{3}/g)!
    .reverse();
  const place = `${upper.reverse().map((group) => `x${group}/`).join("")}${last}`;
  return `tile/${level}/${place}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** The first `wanted` hashes of a tile of `width`; Unverified unless it has exactly `width`. */
export function parseTile(data: Uint8Array, width: number, wanted: number): Uint8Array[] {
  if (data.length !== width * HASH_BYTES) throw malformed("tlog-tiles tile", "a tile is <W> hashes of 32 bytes");
  return Array.from({ length: wanted }, (_, at) => data.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/**
 * The nodes of a tree of `size` leaves out of its tiles: what proofs are made from.
 *
 * `read` gives a tile's hashes; each tile is read once. What is read is not authenticated here: the proof made from it
 * is, when it is compared with a signed root.
 */
export function tileNodes(size: bigint, read: (tile: Tile) => Promise<Uint8Array[]>): Nodes {
  const tiles = new Map<string, Promise<Uint8Array[]>>();
  return async (level, index) => {
    const height = BigInt(level % HEIGHT);
    const tileLevel = Math.floor(level / HEIGHT);
    const first = index << height;
    const tileIndex = first / BigInt(WIDTH);
    const left = (size >> BigInt(HEIGHT * tileLevel)) - tileIndex * BigInt(WIDTH);
    const tile = { level: tileLevel, index: tileIndex, width: left < WIDTH ? Number(left) : WIDTH };
    const [offset, count] = [Number(first % BigInt(WIDTH)), 1 << Number(height)];
    if (tile.width < offset + count) throw new RangeError(`a tree of ${size} has no subtree ${index} at level ${level}`);
    const path = tilePath(tile);
    const hashes = tiles.get(path) ?? read(tile);
    tiles.set(path, hashes);
    return rootOfComplete((await hashes).slice(offset, offset + count));
  };
}
