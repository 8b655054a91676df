/** Why a call was refused or failed, as people are told: the sentence, the remedy, and the stable id. */

import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, LocalizedMessageSchema } from "../gen/google/rpc/error_details_pb.ts";

export class Refusal extends Error {
  /** Stable id, such as "CHT-01"; empty when the call never reached Regard. */
  readonly id: string;
  readonly remedy: string;
  readonly requestId: string;
  readonly code: Code;

  constructor(told: { id?: string; sentence: string; remedy?: string; requestId?: string; code: Code }) {
    super(told.sentence);
    this.name = "Refusal";
    this.id = told.id ?? "";
    this.remedy = told.remedy ?? "";
    this.requestId = told.requestId ?? "";
    this.code = told.code;
  }

  /** Whether trying again may help. */
  get unreachable(): boolean {
    return [Code.Unavailable, Code.DeadlineExceeded, Code.Aborted, Code.Canceled, Code.Unknown].includes(this.code);
  }

  /** Whether nobody is signed in any more. */
  get signedOut(): boolean {
    return this.code === Code.Unauthenticated;
  }
}

/** The refusal in whatever a call threw. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const failed = ConnectError.from(error);
  // What an interceptor throws comes out of the transport in an error of Connect's.
  if (failed.cause instanceof Refusal) return failed.cause;
  const info = failed.findDetails(ErrorInfoSchema)[0];
  const words = failed.findDetails(LocalizedMessageSchema)[0];
  return new Refusal({
    id: info?.reason ?? "",
    sentence: words?.message ?? "",
    remedy: info?.metadata["remedy"] ?? "",
    requestId: info?.metadata["request_id"] ?? "",
    code: failed.code,
  });
}
