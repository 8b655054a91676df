/** Streams that go on: resumed from their cursor after a lost connection, with what is going on told to the page. */

import { refusalOf, type Refusal } from "./refusal.ts";

/** "connecting" before the first frame, "live", "behind" while a lost connection is being replaced, "over" for good. */
export type Connection = { state: "connecting" | "live" | "behind" } | { state: "over"; refusal?: Refusal };

type Frame = { cursor: string; frame: { case: string | undefined } };

export type Stream<F extends Frame> = {
  open: (cursor: string, signal: AbortSignal) => AsyncIterable<F>;
  /** Takes each frame but heartbeats and the end. */
  take: (frame: F) => void;
  /** Called when the stream is alive after it was not; `resumed` when nothing was missed. */
  alive?: (resumed: boolean) => void;
  show: (connection: Connection) => void;
};

/** Heartbeats come every 15 seconds: without a frame for so long, the connection is as good as lost. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** Follows until `signal` is aborted, or until going on makes no sense. */
export async function follow<F extends Frame>(stream: Stream<F>, signal: AbortSignal): Promise<void> {
  let cursor = "";
  let waitMs = FIRST_WAIT_MS;
  let wasSignedOut = false;
  stream.show({ state: "connecting" });
  while (!signal.aborted) {
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    signal.addEventListener("abort", giveUp);
    // The browser knows before the connection does, which would stay silent.
    globalThis.addEventListener?.("offline", giveUp);
    let silence = setTimeout(giveUp, SILENCE_MS);
    let first = true;
    try {
      for await (const frame of stream.open(cursor, attempt.signal)) {
        clearTimeout(silence);
        silence = setTimeout(giveUp, SILENCE_MS);
        if (first) {
          stream.show({ state: "live" });
          stream.alive?.(cursor !== "");
          waitMs = FIRST_WAIT_MS;
          wasSignedOut = false;
          first = false;
        }
        if (frame.cursor) cursor = frame.cursor;
        if (frame.frame.case === "end") break;
        if (frame.frame.case && frame.frame.case !== "heartbeat") stream.take(frame);
      }
    } catch (error) {
      const refusal = refusalOf(error);
      // An aborted attempt is one that fell silent: only a refusal about the caller's rights ends the whole. An access
      // token ends while a stream goes on: the next attempt has a new one.
      const again = refusal.unreachable || (refusal.signedOut && !wasSignedOut);
      if (!attempt.signal.aborted && !again) {
        stream.show({ state: "over", refusal });
        return;
      }
      wasSignedOut = refusal.signedOut;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", giveUp);
      globalThis.removeEventListener?.("offline", giveUp);
      attempt.abort();
    }
    if (signal.aborted) return;
    stream.show({ state: "behind" });
    await pause(waitMs * (0.5 + Math.random()), signal);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** Waits; less when the network comes back, or the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", end);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    globalThis.addEventListener?.("online", end);
    signal.addEventListener("abort", end);
  });
}
