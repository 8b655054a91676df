/** A receipt examined in this browser: every step that holds, and why the next one does not. */

import { fromJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { LedgerEntry } from "../gen/regard/audit/v1/audit_pb.ts";
import { Action, ReaderKind } from "../gen/regard/audit/v1/events_pb.ts";
import { bytesOf } from "../verify/hashing.ts";
import { parsePolicy } from "../verify/policy.ts";
import { Unverified } from "../verify/reasons.ts";
import { type Step, type StepId, type Verified, verifyReceipt } from "../verify/receipt.ts";
import type { Json, LogRecord } from "../verify/record.ts";

/** Which access a receipt was asked for; `line`: how the ledger shows it, if that was seen. */
export type Asked = { groupId: string; accessId: string; line?: LedgerEntry | undefined };

/** What an access is, as its record says. */
export type Access = {
  accessId: string;
  /** Where the record stands on the stream of its break-glass, since members were told later; empty for all others. */
  groupId: string;
  breakGlassId: string;
  readerId: string;
  readerKind: ReaderKind;
  action: Action;
  at: Timestamp | undefined;
  client: string;
};

/** `other`: the receipt is good, and is not that of what was asked for or shown. */
export type Finding = Omit<Step, "id"> & { id: StepId | "asked" | "line" };
export type Examined = {
  steps: Finding[];
  verified?: Verified;
  access?: Access | undefined;
  refused?: Unverified;
  other?: "asked" | "line";
};

/** Verifies a receipt, then that it is the one that was asked for, then that the ledger's line says the same. */
export function examine(receipt: Uint8Array, policy: string, asked: Asked): Examined {
  const steps: Finding[] = [];
  try {
    const verified = verifyReceipt(receipt, parsePolicy(bytesOf(policy)), (step) => steps.push(step));
    const access = accessOf(verified.record);
    const found = { steps, verified, access };
    if (groupOf(verified.record, access) !== asked.groupId || access?.accessId !== asked.accessId) {
      return { ...found, other: "asked" };
    }
    steps.push({
      id: "asked",
      en: "The record is that of the access that you asked for.",
      fr: "L’enregistrement est celui de l’accès demandé.",
    });
    if (!asked.line) return found;
    if (!saysTheSame(asked.line, access)) return { ...found, other: "line" };
    steps.push({
      id: "line",
      en: "The ledger shows the reader, the capacity, the action and the moment that the record says.",
      fr: "Le registre montre la personne, la qualité, l’action et le moment que dit l’enregistrement.",
    });
    return found;
  } catch (error) {
    if (!(error instanceof Unverified)) throw error;
    return { steps, refused: error };
  }
}

/** The access of a record; undefined for what is none, as the end of a live access. */
export function accessOf(record: LogRecord): Access | undefined {
  const said = record["access"];
  if (record.kind !== "access" || said === null || typeof said !== "object" || Array.isArray(said)) return undefined;
  return {
    accessId: text(said["access_id"]),
    groupId: text(said["group_id"]),
    breakGlassId: text(said["break_glass_id"]),
    readerId: text(said["reader_id"]),
    readerKind: named(ReaderKind, "READER_KIND_", said["reader_kind"]) as ReaderKind,
    action: named(Action, "ACTION_", said["action"]) as Action,
    at: momentOf(text(said["at"])),
    client: text(said["client"]),
  };
}

/** The group that was accessed: the one whose stream has the record, or the one that it names on that of its break-glass. */
function groupOf(record: LogRecord, access: Access | undefined): Json | undefined {
  const stream = record["group"];
  return access?.groupId && access.breakGlassId === stream ? access.groupId : stream;
}

function saysTheSame(line: LedgerEntry, access: Access): boolean {
  return (
    line.readerId === access.readerId &&
    line.readerKind === access.readerKind &&
    line.action === access.action &&
    line.at?.seconds === access.at?.seconds &&
    line.at?.nanos === access.at?.nanos
  );
}

/** To the nanosecond, which a Date can't be. */
function momentOf(said: string): Timestamp | undefined {
  try {
    return fromJson(TimestampSchema, said);
  } catch {
    return undefined;
  }
}

function named(of: Record<string, string | number>, prefix: string, value: Json | undefined): number {
  const found = of[text(value).slice(prefix.length)];
  return typeof found === "number" ? found : 0;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
