/** Takes out what an auditor found, with the receipt of each access and signed as a whole: one archive, made in this browser. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Plural, Trans } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { audit } from "../api/calls.ts";
import type { SearchAccessesRequestSchema } from "../gen/regard/audit/v1/audit_pb.ts";
import { save } from "./save.ts";
import { Refused } from "./states.tsx";

type Query = MessageInitShape<typeof SearchAccessesRequestSchema>;

/** Lines are accesses in the one, and what comes last in the other: without it the export is not whole. */
const [ACCESSES, SIGNED] = ["accesses.jsonl", "manifest.note"];
const LINE = 10;

type Told = { done: number; of: number };

/** The files of an export by name. Throws Refusal. */
async function received(query: Query, told: (so: Told) => void): Promise<Map<string, Uint8Array[]>> {
  const files = new Map<string, Uint8Array[]>();
  let [done, of] = [0, 0];
  for await (const frame of audit.exportAccesses({ query })) {
    of = Number(frame.accesses) || of;
    for (const { name, data } of frame.pieces) {
      const file = files.get(name) ?? [];
      file.push(data);
      files.set(name, file);
      if (name === ACCESSES) done += data.reduce((lines, byte) => lines + Number(byte === LINE), 0);
    }
    told({ done, of: Math.max(of, done) });
  }
  if (!files.has(SIGNED)) throw new Error("the export ended before its end");
  return files;
}

/** One archive of them, in a folder of its own. */
async function packed(files: Map<string, Uint8Array[]>, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const { zipSync } = await import("fflate");
  const whole = [...files].map(([name, pieces]): [string, Uint8Array] => [name, joined(pieces)]);
  return zipSync({ [folder]: Object.fromEntries(whole) }, { level: 1 });
}

function joined(pieces: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** `query`: undefined while it is not complete. */
export function Export({ query }: { query: Query | undefined }) {
  const [told, tell] = useState<Told>({ done: 0, of: 0 });
  const exporting = useMutation({
    mutationFn: async (asked: Query) => {
      tell({ done: 0, of: 0 });
      const folder = `regard-export-${new Date().toISOString().replace(/[-:]|\..*/g, "")}`;
      save(await packed(await received(asked, tell), folder), `${folder}.zip`);
    },
  });
  return (
    <>
      <button
        type="button"
        className="second"
        aria-disabled={!query || exporting.isPending}
        onClick={() => query && !exporting.isPending && exporting.mutate(query)}
      >
        <Trans>Export with receipts</Trans>
      </button>
      <p role="status">
        {exporting.isPending && (
          <>
            <progress aria-hidden="true" value={told.done} max={told.of || 1} />{" "}
            <Plural value={told.of} one={`${told.done} of # access…`} other={`${told.done} of # accesses…`} />
          </>
        )}
        {exporting.isSuccess && (
          <Plural value={told.done} one="# access was exported, with its receipt." other="# accesses were exported, with their receipts." />
        )}
      </p>
      {exporting.error && <Refused error={exporting.error} />}
    </>
  );
}
