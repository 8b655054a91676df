/** The proofs of this browser's own writes, sent with each call so that its answer shows at least these. */

import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { ConsistencyTokenSchema, type ConsistencyToken } from "../gen/regard/common/v1/common_pb.ts";

export const HEADER = "x-consistency-token";
/** Most proofs to send with a call. */
const MOST = 16;

/** One proof a stream, of the streams touched last. */
export class Seen {
  readonly #proofs = new Map<string, { position: bigint; text: string }>();

  /** What to send; empty for nothing. */
  get header(): string {
    return [...this.#proofs.values()].map((one) => one.text).join(",");
  }

  /** Keeps what an answer's header says. */
  take(header: string | null): void {
    for (const text of header?.split(",") ?? []) {
      const proof = decoded(text.trim());
      if (!proof) continue;
      const key = `${proof.topic}\n${proof.stream}`;
      if (proof.position < (this.#proofs.get(key)?.position ?? 0n)) continue;
      this.#proofs.delete(key);
      this.#proofs.set(key, { position: proof.position, text: text.trim() });
    }
    for (const key of this.#proofs.keys()) {
      if (this.#proofs.size <= MOST) return;
      this.#proofs.delete(key);
    }
  }
}

function decoded(text: string): ConsistencyToken | undefined {
  try {
    return fromBinary(ConsistencyTokenSchema, base64Decode(text));
  } catch {
    return undefined;
  }
}
