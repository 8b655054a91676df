/** The directory: people found by the beginnings of words of their name, function or site. */

import { useLingui } from "@lingui/react/macro";
import { useEffect, useState } from "react";
import { people } from "../api/calls.ts";
import { usePages } from "./pages.tsx";

/** How long typing must rest before the directory is asked, in milliseconds. */
const REST_MS = 250;

/** What somebody types, once they rest. */
export function useRested(text: string): string {
  const [rested, rest] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => rest(text), REST_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}

/** The people found; `size` is how many a page has. Everyone for nothing typed, unless nothing should be shown then. */
export function usePeople(typed: string, { size = 50, enabled = true }: { size?: number; enabled?: boolean } = {}) {
  const query = useRested(typed).trim();
  const read = usePages(["people", query, size], (page) => people.listPeople({ query, page }), { size, enabled, keeps: true });
  return { read, found: (read.data?.pages ?? []).flatMap((page) => page.people) };
}

export function SearchPeople({ typed, type }: { typed: string; type: (text: string) => void }) {
  const { t } = useLingui();
  return (
    <label className="search">
      {t`Search by name, function or site`}
      <input type="search" maxLength={200} value={typed} onChange={(event) => type(event.target.value)} />
    </label>
  );
}
