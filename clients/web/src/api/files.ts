/** Files of groups: sent in parts and hashed on the way; downloaded whole and verified, or not at all. */

import { sha256 } from "@noble/hashes/sha2.js";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { feed, newKey } from "./calls.ts";
import { refusalOf } from "./refusal.ts";

/** Of every part but the last; the contract says so too. */
export const PART_BYTES = 512 * 1024;
export const MOST_BYTES = 64 * 1024 * 1024;
/** Milliseconds to wait before a part is sent again, each time. */
const WAITS_MS = [500, 2000, 5000];

/** What came is not what its author uploaded; nothing of it is given. */
export class BadDownload extends Error {}

/** The file is larger than 64 MiB. */
export class TooLarge extends Error {}

/** The device gives the file's bytes no more: it was moved or changed, or is a folder. */
export class Unreadable extends Error {}

/** One file on its way to a group. Sending it again goes on with the first part that is not there. */
export class Upload {
  readonly #groupId: string;
  readonly #file: File;
  #id = newKey();
  #part = 0;
  #digest = sha256.create();

  constructor(groupId: string, file: File) {
    this.#groupId = groupId;
    this.#file = file;
  }

  /** Adds the file; `told` is called with how many bytes are there. Throws Refusal, Unreadable. */
  async send(told: (done: number) => void, signal: AbortSignal): Promise<GroupFile> {
    const { name, size, type } = this.#file;
    const ids = { groupId: this.#groupId, uploadId: this.#id };
    for (; this.#part * PART_BYTES < size; this.#part++) {
      const start = this.#part * PART_BYTES;
      const data = await bytesOf(this.#file.slice(start, start + PART_BYTES));
      await insist(() => feed.uploadPart({ ...ids, index: this.#part, data }, { signal }), signal);
      this.#digest.update(data);
      told(start + data.length);
    }
    const described = { name, mediaType: type || "application/octet-stream", size: BigInt(size) };
    const digest = this.#digest.clone().digest();
    return (await insist(() => feed.addFile({ ...ids, ...described, sha256: digest }, { signal }), signal)).file!;
  }

  /** Forgets what was sent: what is there is not this file. */
  restart(): void {
    this.#id = newKey();
    this.#part = 0;
    this.#digest = sha256.create();
  }
}

/**
 * A file's bytes, for which each call to Regard is a line of the group's ledger; `told` as for sending.
 * Throws Refusal, BadDownload.
 */
export async function download(
  file: GroupFile,
  told: (done: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const found = new Uint8Array(Number(file.size));
  let digest = file.description?.sha256;
  let done = 0;
  for (let before = -1; done < found.length && before < done; ) {
    before = done;
    try {
      for await (const answer of feed.downloadFile({ fileId: file.id, offset: BigInt(done) }, { signal })) {
        if (answer.file) digest = answer.file.description?.sha256;
        if (answer.data.length === 0) continue;
        if (Number(answer.offset) !== done || done + answer.data.length > found.length) throw new BadDownload();
        found.set(answer.data, done);
        done += answer.data.length;
        told(done);
      }
    } catch (error) {
      // A lost connection: on from here, if anything came since the last one.
      if (error instanceof BadDownload || signal.aborted || !refusalOf(error).unreachable || done === before) throw error;
    }
  }
  if (done < found.length || !digest || !same(sha256(found), digest)) throw new BadDownload();
  return found;
}

async function bytesOf(part: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await part.arrayBuffer());
  } catch {
    throw new Unreadable();
  }
}

/** Calls again while Regard does not answer, a few times. */
async function insist<Answer>(call: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (const waitMs of WAITS_MS) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !refusalOf(error).unreachable) throw error;
    }
    await new Promise((done) => setTimeout(done, waitMs));
    signal.throwIfAborted();
  }
  return await call();
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
