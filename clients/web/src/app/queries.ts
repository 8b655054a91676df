/** What was asked and answered, kept while the page is open. Nothing of it lies on a disk. */

import { QueryCache, QueryClient } from "@tanstack/react-query";
import { refusalOf } from "../api/refusal.ts";

let whenSignedOut = () => {};

/** What to do when an answer says that nobody is signed in any more. */
export function onSignedOut(act: () => void): void {
  whenSignedOut = act;
}

export const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (refusalOf(error).signedOut) whenSignedOut();
    },
  }),
  defaultOptions: {
    queries: {
      // Reading is recorded: nothing is read again only because a window came to the front.
      refetchOnWindowFocus: false,
      staleTime: 30_000,
      retry: (failures, error) => failures < 2 && refusalOf(error).unreachable,
    },
  },
});

/** Key of what belongs to nobody: who may sign in here as someone of the demonstration company. */
export const DEMONSTRATION = ["demonstration"];

/** Forgets what was asked and answered for whoever was signed in. */
export function forgetAnswers(): void {
  // The page for signing in may be open already, and wait: what is removed while it is being asked never comes.
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== DEMONSTRATION[0] });
  queries.getMutationCache().clear();
}

/**
 * Asks again for what these keys begin, since it has changed. A first answer that is still on its way may be from before:
 * it is not waited for, as it would be if the answer were only called out of date.
 */
export async function readAgain(...keys: unknown[][]): Promise<void> {
  await Promise.all(
    keys.map(async (queryKey) => {
      await queries.cancelQueries({ queryKey });
      await queries.invalidateQueries({ queryKey });
    }),
  );
}
