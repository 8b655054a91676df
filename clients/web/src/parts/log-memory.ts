/**
 * The public log as this browser has seen it: what it shows now must contain all that it showed before.
 *
 * It is asked for without saying who asks, so that nobody can be given a log of their own.
 */

import { type Checkpoint, parseCheckpoint } from "../verify/checkpoint.ts";
import { bytesOf, fromOctets, octets, same } from "../verify/hashing.ts";
import { requireGrowth } from "../verify/history.ts";
import { parseNote } from "../verify/notes.ts";
import { type Policy, parsePolicy, type Vouched } from "../verify/policy.ts";
import { CHECKPOINT_PATH, parseTile, type Tile, tileNodes, tilePath, WIDTH } from "../verify/tiles.ts";
import { consistencyProof } from "../verify/tree.ts";

const KEY = "regard-log-checkpoint";

/** A file of the log; undefined if there is none. Throws when the log does not answer. */
export type Files = (path: string) => Promise<Uint8Array | undefined>;

/** `now`: entries that everybody is shown. `before`: entries that this browser had seen, if it had. */
export type Grown = { now: bigint; vouched: Vouched; before?: bigint };

/**
 * Compares the log with what this browser saw before and with the tree of a receipt, if any, which came before this call.
 *
 * What is shown now is kept once all is well. Throws Unverified when the log has forked, or forgets.
 */
export async function lookAgain(
  policy: string,
  receipt: Checkpoint | undefined,
  storage: Storage = localStorage,
  files: Files = served,
): Promise<Grown> {
  const kept = storage.getItem(KEY);
  const trusted = parsePolicy(bytesOf(policy));
  const last = kept === null ? undefined : keptTree(kept, trusted);
  const note = await files(CHECKPOINT_PATH);
  if (!note) throw new Error("the log shows no checkpoint");
  const vouched = trusted.open(note);
  const now = vouched.checkpoint;
  const nodes = tileNodes(now.size, (tile) => hashesOf(tile, files));
  const prove = (old: bigint, size: bigint) => consistencyProof(old, size, nodes);
  if (last) await requireGrowth(last, now, prove);
  if (receipt) await requireGrowth(receipt, now, prove);
  storage.setItem(KEY, octets(note));
  return { now: now.size, vouched, ...(last ? { before: last.size } : {}) };
}

/** What was kept of this log. One that begins again with other keys is another log: nothing was kept of that. */
function keptTree(kept: string, { logs }: Policy): Checkpoint | undefined {
  const note = parseNote(fromOctets(kept));
  const isTrusted = logs.some((key) => note.signatures.some((one) => one.name === key.name && same(one.keyId, key.keyId)));
  return isTrusted ? parseCheckpoint(note.text) : undefined;
}

/** A tile's hashes: out of the full one, if the partial one has gone. tlog-tiles, section "Partial Tiles". */
async function hashesOf(tile: Tile, files: Files): Promise<Uint8Array[]> {
  const partial = await files(tilePath(tile));
  if (partial) return parseTile(partial, tile.width, tile.width);
  const full = await files(tilePath({ ...tile, width: WIDTH }));
  if (!full) throw new Error(`the log has no ${tilePath(tile)}`);
  return parseTile(full, WIDTH, tile.width);
}

const served: Files = async (path) => {
  // Tiles never change; the checkpoint is what it is now.
  const cache = path === CHECKPOINT_PATH ? "no-store" : "default";
  const answer = await fetch(`/log/${path}`, { credentials: "omit", cache });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`/log/${path}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
};
