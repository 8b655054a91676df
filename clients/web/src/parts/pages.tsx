/** A list that is read page by page: what it shows before, between and instead of its lines. */

import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { Loading, Refused } from "./states.tsx";

type Read = {
  isPending: boolean;
  error: unknown;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
  refetch: () => unknown;
};

export function Paged({ read, none, empty, children }: { read: Read; none: boolean; empty: ReactNode; children: ReactNode }) {
  if (read.isPending) return <Loading />;
  return (
    <>
      {none && !read.error ? <p className="quiet">{empty}</p> : children}
      {read.error ? <Refused error={read.error} retry={() => void read.refetch()} /> : null}
      {read.hasNextPage && (
        <button
          type="button"
          className="plain"
          aria-disabled={read.isFetchingNextPage}
          onClick={() => void (read.isFetchingNextPage || read.fetchNextPage())}
        >
          <Trans>Show more</Trans>
        </button>
      )}
    </>
  );
}
