/**
 * The session: an access token of a few minutes, in memory only. The refresh token lies in a cookie that no script reads;
 * the server trades it for the next access token.
 */

import { Code } from "@connectrpc/connect";
import { Refusal } from "./refusal.ts";
import { language } from "../app/language.ts";

const ADDRESS = "/app/session";
/** Milliseconds before its end from which an access token is renewed. */
const EARLY_MS = 30_000;
const CODES: Record<number, Code> = {
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  429: Code.ResourceExhausted,
  400: Code.InvalidArgument,
};

let token = "";
let endsAtMs = 0;
let renewal: Promise<string> | undefined;

export type Credentials = { email: string; password: string } | { person: string } | { passkey: string };

/** Someone of the demonstration company to sign in as. */
export type DemonstrationPerson = { key: string; name: string; about_fr: string; about_en: string };

/** Begins a session. Throws Refusal. */
export async function signIn(credentials: Credentials): Promise<void> {
  keep(await ask("POST", ADDRESS, credentials));
}

/** What to ask the browser for to sign in with a passkey, as JSON. Throws Refusal. */
export async function passkeyOptions(): Promise<string> {
  return ((await ask("POST", "/v1/auth:beginPasskeySignIn", {})) as { optionsJson: string }).optionsJson;
}

/** An access token that is good for a while yet. Throws Refusal; signedOut when there is no session. */
export async function accessToken(): Promise<string> {
  if (token && Date.now() < endsAtMs - EARLY_MS) return token;
  renewal ??= renewed().finally(() => (renewal = undefined));
  return renewal;
}

/** Lets this browser forget the session. */
export async function forget(): Promise<void> {
  token = "";
  await ask("DELETE", ADDRESS, {});
}

/** Makes the next call renew the access token. */
export function distrust(refused: string): void {
  if (refused === token) endsAtMs = 0;
}

/** People of the demonstration company; none on a real installation. */
export async function demonstrationPeople(): Promise<DemonstrationPerson[]> {
  const answer = await fetch("/app/demonstration");
  return answer.ok ? ((await answer.json()) as DemonstrationPerson[]) : [];
}

async function renewed(): Promise<string> {
  keep(await ask("POST", `${ADDRESS}/renew`, {}));
  return token;
}

function keep(given: unknown): void {
  const { accessToken, expiresInS } = given as { accessToken: string; expiresInS: number };
  token = accessToken;
  endsAtMs = Date.now() + expiresInS * 1000;
}

async function ask(method: string, address: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json", "accept-language": language() };
  let answer: Response;
  try {
    answer = await fetch(address, { method, headers, body: JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Refusal({ sentence: "", code: Code.Unavailable });
  }
  // There is no session to go on with: the most ordinary beginning, and no error.
  if (answer.status === 204 && method === "POST") throw new Refusal({ sentence: "", code: Code.Unauthenticated });
  const told: unknown = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  token = "";
  const { id, sentence, remedy, requestId } = told as Record<string, string | undefined>;
  throw new Refusal({
    sentence: sentence ?? "",
    code: CODES[answer.status] ?? Code.Unavailable,
    ...(id ? { id } : {}),
    ...(remedy ? { remedy } : {}),
    ...(requestId ? { requestId } : {}),
  });
}
