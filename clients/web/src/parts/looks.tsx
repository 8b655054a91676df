/** Accesses in several groups, newest first, each with its group. */

import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { LedgerEntry, ListAccessesResponse, SearchAccessesResponse } from "../gen/regard/audit/v1/audit_pb.ts";
import { useMyGroups } from "../pages/frame.tsx";
import { isPrivileged, keyOf } from "./accesses.ts";
import { Line } from "./look.tsx";
import { useNames } from "./names.ts";
import { type Page, Paged, usePages } from "./pages.tsx";

type Answer = ListAccessesResponse | SearchAccessesResponse;

/** Reads a list of accesses page by page; what is read is recorded, so that nothing is read again by itself. */
export function useLooks(key: unknown[], size: number, ask: (page: Page) => Promise<Answer>) {
  return usePages(key, ask, { size, staleTime: Number.POSITIVE_INFINITY });
}

export function Looks({ read, empty }: { read: ReturnType<typeof useLooks>; empty: ReactNode }) {
  const entries = (read.data?.pages ?? []).flatMap((page): LedgerEntry[] => page.entries);
  const names = useNames(entries.map((entry) => entry.readerId));
  const mine = useMyGroups().data;
  return (
    <Paged read={read} none={entries.length === 0} empty={empty}>
      <ul className="looks">
        {entries.map((entry) => (
          <li key={`${entry.groupId}/${keyOf(entry)}`} className={isPrivileged(entry) ? "look privileged" : "look"}>
            <Line
              entry={entry}
              name={names(entry.readerId)}
              more={<OfGroup groupId={entry.groupId} name={mine?.find((group) => group.id === entry.groupId)?.name} />}
            />
          </li>
        ))}
      </ul>
    </Paged>
  );
}

/** A group by its name, if it is one of the reader's own; others by their identifier, since their name is theirs. */
function OfGroup({ groupId, name }: { groupId: string; name: string | undefined }) {
  if (name === undefined) {
    return (
      <span>
        <Trans>
          group <code>{groupId}</code>
        </Trans>
      </span>
    );
  }
  return (
    <Link to="/groups/$groupId" params={{ groupId }}>
      {name || <Trans>Direct conversation</Trans>}
    </Link>
  );
}
