/** Passkeys: what the browser is asked for, and what it answers (Web Authentication, level 3). */

import { auth } from "./calls.ts";
import { passkeyOptions } from "./session.ts";

/** Whether this browser has passkeys, and a page at an address that may use them. */
export const hasPasskeys = () =>
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/** What the server takes to sign in; undefined when the person chose none. */
export async function chosenPasskey(): Promise<string | undefined> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(await passkeyOptions()));
  return answered(() => navigator.credentials.get({ publicKey }));
}

/** Makes a passkey and adds it to the caller's account; false when the person went back. Throws Refusal. */
export async function addPasskey(name: string, currentPassword: string): Promise<boolean> {
  const { optionsJson } = await auth.beginPasskeyRegistration({ currentPassword });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(optionsJson));
  const credentialJson = await answered(() => navigator.credentials.create({ publicKey }));
  if (credentialJson === undefined) return false;
  await auth.finishPasskeyRegistration({ credentialJson, name });
  return true;
}

async function answered(ask: () => Promise<Credential | null>): Promise<string | undefined> {
  try {
    return JSON.stringify((await ask()) as PublicKeyCredential);
  } catch (error) {
    // Browsers don't tell apart who went back, who waited too long, and who has this passkey already.
    if (error instanceof DOMException && ["NotAllowedError", "AbortError", "InvalidStateError"].includes(error.name)) return undefined;
    throw error;
  }
}
