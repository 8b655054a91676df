/** A list that is read page by page: how, and what it shows before, between and instead of its lines. */

import { Trans } from "@lingui/react/macro";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { PageInfo } from "../gen/regard/common/v1/common_pb.ts";
import { Loading, Refused } from "./states.tsx";

/** Which page is asked for. */
export type Page = { size: number; token: string };
type How = {
  size: number;
  enabled?: boolean;
  /** For how long an answer is not asked for again by itself, in milliseconds. */
  staleTime?: number;
  /** Whether what another key gave stays until there is an answer to this one. */
  keeps?: boolean;
};

/** Reads it; `size` is how many a page has. */
export function usePages<Answer extends { page?: PageInfo | undefined }>(
  queryKey: unknown[],
  ask: (page: Page) => Promise<Answer>,
  { size, keeps = false, ...how }: How,
) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => ask({ size, token: pageParam }),
    initialPageParam: "",
    getNextPageParam: (last: Answer) => last.page?.nextToken || undefined,
    ...(keeps && { placeholderData: keepPreviousData }),
    ...how,
  });
}

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
