/** Names of people, who are ids everywhere else. */

import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { people } from "../api/calls.ts";
import { queries } from "../app/queries.ts";

/** Most people in one call. */
const MOST = 200;
const known = new Map<string, string>();

/** What to call people by; "…" while it is being asked, "?" for whoever was erased. */
export function useNames(ids: Iterable<string>): (id: string) => string {
  const wanted = [...new Set(ids)].filter(Boolean).sort();
  const { data } = useQuery({
    queryKey: ["names", wanted],
    queryFn: () => namesOf(wanted),
    staleTime: Infinity,
    enabled: wanted.length > 0,
  });
  return useCallback((id) => data?.get(id) ?? known.get(id) ?? (data ? "?" : "…"), [data]);
}

/** Whoever signs in next asks anew. */
export function forgetNames(): void {
  known.clear();
  queries.removeQueries({ queryKey: ["names"] });
}

async function namesOf(ids: string[]): Promise<Map<string, string>> {
  const missing = ids.filter((id) => !known.has(id));
  for (let at = 0; at < missing.length; at += MOST) {
    const found = await people.batchGetPeople({ personIds: missing.slice(at, at + MOST) });
    for (const person of found.people) if (person.profile) known.set(person.id, person.profile.name);
  }
  return new Map(ids.flatMap((id) => (known.has(id) ? [[id, known.get(id)!] as const] : [])));
}
