/** The calls of the contract over gRPC-Web, to the gateway that this page came from. They throw Refusal. */

import { type Interceptor, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuditQueryService, LedgerService } from "../gen/regard/audit/v1/audit_pb.ts";
import { ChatService } from "../gen/regard/chat/v1/chat_pb.ts";
import { FeedService } from "../gen/regard/feed/v1/feed_pb.ts";
import { BreakGlassService } from "../gen/regard/groups/v1/break_glass_pb.ts";
import { GroupService } from "../gen/regard/groups/v1/groups_pb.ts";
import { AuthService, PeopleService, ProvisioningService } from "../gen/regard/identity/v1/identity_pb.ts";
import { language } from "../app/language.ts";
import { refusalOf } from "./refusal.ts";
import { HEADER, Seen } from "./seen.ts";
import { accessToken, distrust } from "./session.ts";

let seen = new Seen();

/** Who signs in next has written nothing yet. */
export function forgetSeen(): void {
  seen = new Seen();
}

const asCaller: Interceptor = (next) => async (request) => {
  request.header.set("accept-language", language());
  if (!request.header.has("idempotency-key")) request.header.set("idempotency-key", crypto.randomUUID?.() ?? random());
  if (seen.header) request.header.set(HEADER, seen.header);
  const call = async () => {
    const token = await accessToken();
    request.header.set("authorization", `Bearer ${token}`);
    try {
      const answer = await next(request);
      seen.take(answer.header.get(HEADER));
      return answer;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.signedOut) distrust(token);
      throw refusal;
    }
  };
  try {
    return await call();
  } catch (error) {
    // A token may end early, when its key is changed or its roles are: once more, with a new one.
    if (refusalOf(error).signedOut) return await call();
    throw error;
  }
};

/** crypto.randomUUID is there on https and localhost only. */
function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [asCaller] });

export const auth = createClient(AuthService, transport);
export const people = createClient(PeopleService, transport);
export const groups = createClient(GroupService, transport);
export const feed = createClient(FeedService, transport);
export const chat = createClient(ChatService, transport);
export const ledger = createClient(LedgerService, transport);
export const audit = createClient(AuditQueryService, transport);
export const breakGlass = createClient(BreakGlassService, transport);
export const provisioning = createClient(ProvisioningService, transport);
export { random as newKey };
