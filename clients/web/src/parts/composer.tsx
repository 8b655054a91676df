/** Where something is written, below the line that says who will be able to read it. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { groups, newKey } from "../api/calls.ts";
import { Refused } from "./states.tsx";

type Written = {
  groupId: string;
  /** Names the draft, which outlives a crash of the page but not the window. */
  draft: string;
  label: string;
  button: string;
  most: number;
  /** `key` makes sending twice send once. */
  send: (body: string, key: string) => Promise<unknown>;
};

export function Composer({ groupId, draft, label, button, most, send }: Written) {
  const { t } = useLingui();
  const place = `regard-draft-${draft}`;
  const [body, setBody] = useState(() => sessionStorage.getItem(place) ?? "");
  const key = useRef(newKey());
  useEffect(() => {
    if (body) sessionStorage.setItem(place, body);
    else sessionStorage.removeItem(place);
  }, [body, place]);
  const sending = useMutation({
    mutationFn: () => send(body, key.current),
    onSuccess: () => {
      setBody("");
      key.current = newKey();
    },
  });
  const submit = () => {
    if (body.trim() && !sending.isPending) sending.mutate();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <WillRead groupId={groupId} />
      <label>
        <span>{label}</span>
        <textarea
          rows={2}
          value={body}
          maxLength={most}
          onChange={(event) => setBody(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </label>
      {sending.error && <Refused error={sending.error} />}
      <div className="row">
        <button type="submit" aria-disabled={sending.isPending || !body.trim()}>
          {button}
        </button>
        <span className="quiet">{t`Ctrl+Enter sends`}</span>
      </div>
    </form>
  );
}

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
