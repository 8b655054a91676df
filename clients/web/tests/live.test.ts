import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type Connection, follow } from "../src/api/live.ts";

type Frame = { cursor: string; frame: { case: string | undefined; value?: string } };

const heartbeat: Frame = { cursor: "", frame: { case: "heartbeat" } };
const said = (cursor: string): Frame => ({ cursor, frame: { case: "message", value: cursor } });

/** Follows attempts that each give frames and then end, or fail; stops when they are used up. */
async function followed(attempts: (Frame | Error)[][]) {
  const cursors: string[] = [];
  const taken: (string | undefined)[] = [];
  const alive: boolean[] = [];
  const shown: Connection["state"][] = [];
  const done = new AbortController();
  let refusal = "";
  await follow<Frame>(
    {
      open: async function* (cursor) {
        cursors.push(cursor);
        const attempt = attempts[cursors.length - 1];
        if (!attempt) return done.abort();
        for (const one of attempt) {
          if (one instanceof Error) throw one;
          yield one;
        }
      },
      take: (frame) => taken.push(frame.frame.value),
      alive: (resumed) => alive.push(resumed),
      show: (connection) => {
        shown.push(connection.state);
        if (connection.state === "over") refusal = String(connection.refusal?.code);
        // No test waits for the backoff: the network is back at once.
        if (connection.state === "behind") setTimeout(() => globalThis.dispatchEvent?.(new Event("online")), 5);
      },
    },
    done.signal,
  );
  return { cursors, taken, alive, shown, refusal };
}

test("a lost connection is resumed from the last cursor, and the reader is told meanwhile", async () => {
  const seen = await followed([
    [heartbeat, said("a"), said("b"), new ConnectError("gone", Code.Unavailable)],
    [heartbeat, said("c"), { cursor: "d", frame: { case: "end" } }],
  ]);
  expect(seen.cursors).toEqual(["", "b", "d"]);
  expect(seen.taken).toEqual(["a", "b", "c"]);
  expect(seen.alive).toEqual([false, true]);
  expect(seen.shown).toEqual(["connecting", "live", "behind", "live", "behind"]);
}, 30_000);

test("a refusal about the caller's rights ends it", async () => {
  const seen = await followed([[heartbeat], [new ConnectError("no", Code.PermissionDenied)]]);
  expect(seen.shown.at(-1)).toBe("over");
  expect(seen.refusal).toBe(String(Code.PermissionDenied));
}, 30_000);

test("a token that ended meanwhile is renewed once, not for ever", async () => {
  const over = new ConnectError("token", Code.Unauthenticated);
  const renewed = await followed([[heartbeat, over], [heartbeat, said("a")]]);
  expect(renewed.taken).toEqual(["a"]);
  expect((await followed([[over], [over]])).shown.at(-1)).toBe("over");
}, 30_000);
