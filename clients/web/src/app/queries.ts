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
