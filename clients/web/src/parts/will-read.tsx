/** Who will be able to read what is written, from the rules in force. */

import { Plural, Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { groups } from "../api/calls.ts";
import { Refused } from "./states.tsx";

/** The panel of who can see a group, from the rules in force. */
export function usePanel(groupId: string) {
  return useQuery({ queryKey: ["panel", groupId], queryFn: () => groups.whoCanSee({ groupId }) });
}

/** The one line that says who will be able to read. */
export function WillRead({ groupId }: { groupId: string }) {
  const panel = usePanel(groupId);
  if (panel.error) return <Refused error={panel.error} retry={() => void panel.refetch()} />;
  const readers = panel.data?.entries.filter((line) => line.readsContent) ?? [];
  const people = readers.filter((line) => line.personId).length;
  const everyone = readers.some((line) => !line.personId && line.capacity === "colleague");
  return (
    <p className="will-read">
      {!panel.data ? (
        <Trans>Who will be able to read this…</Trans>
      ) : everyone ? (
        <Trans>Everyone in the company will be able to read this</Trans>
      ) : (
        <Plural
          value={people}
          one="# person will be able to read this"
          other="# people will be able to read this"
        />
      )}{" "}
      <Link to="/groups/$groupId/rules" params={{ groupId }}>
        <Trans>Who, and why?</Trans>
      </Link>
    </p>
  );
}
