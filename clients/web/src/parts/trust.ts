/**
 * Whose log this browser trusts: the policy that it saw first, kept until its owner says otherwise.
 *
 * A server that wanted to show this reader another log would have to serve another policy, which is noticed here. What
 * was seen first can't be: that is for the owner to compare with what a witness publishes.
 */

const KEY = "regard-log-policy";

/** `kept`: what is verified with. `served`: another one that is served now, if it is another. */
export type Trust = { kept: string; served?: string };

/** The policy to verify with; the one that is served becomes it if there is none. Throws when none can be had. */
export async function trust(storage: Storage = localStorage, fetched: () => Promise<string> = served): Promise<Trust> {
  const kept = storage.getItem(KEY);
  if (kept === null) {
    const now = await fetched();
    storage.setItem(KEY, now);
    return { kept: now };
  }
  // Without a network a receipt verifies all the same: that is what receipts are for.
  const now = await fetched().catch(() => kept);
  return now === kept ? { kept } : { kept, served: now };
}

/** Trusts another policy from now on. */
export function trustInstead(policy: string, storage: Storage = localStorage): void {
  storage.setItem(KEY, policy);
}

async function served(): Promise<string> {
  const answer = await fetch("/log/policy");
  if (!answer.ok) throw new Error(`/log/policy: ${answer.status}`);
  return answer.text();
}
