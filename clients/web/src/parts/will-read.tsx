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

/** Who reads what is written in the group, by the panel's lines; undefined until it is known. */
export function useReaders(groupId: string) {
  const panel = usePanel(groupId);
  const readers = panel.data?.entries.filter((line) => line.readsContent);
  return {
    panel,
    readers: readers && {
      people: readers.map((line) => line.personId).filter(Boolean),
      everyone: readers.some((line) => !line.personId && line.capacity === "colleague"),
    },
  };
}

/** The one line that says who will be able to read. */
export function WillRead({ groupId }: { groupId: string }) {
  const { panel, readers } = useReaders(groupId);
  if (panel.error) return <Refused error={panel.error} retry={() => void panel.refetch()} />;
  return (
    <p className="will-read">
      {!readers ? (
        <Trans>Who will be able to read this…</Trans>
      ) : readers.everyone ? (
        <Trans>Everyone in the company will be able to read this</Trans>
      ) : (
        <Plural
          value={readers.people.length}
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
