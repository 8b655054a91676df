/** Naming colleagues in a text: "@" and the beginning of a name offers those who will be able to read it. */

import { Trans } from "@lingui/react/macro";
import { useState } from "react";
import { usePeople } from "./directory.tsx";
import { useNames } from "./names.ts";
import { useReaders } from "./will-read.tsx";

/** What is being typed after the last "@", at the end of the text before the caret. */
const BEGUN = /(?:^|\s)@(\p{L}[\p{L}'’ -]{0,40})$/u;
const MOST = 5;
/** Most in one text. */
const MOST_NAMED = 50;

type Named = { id: string; name: string };

/** `before`: those whom the text names already. */
export function useMentions(groupId: string, before: string[] = []) {
  const [picked, pick] = useState(before);
  const names = useNames(picked);
  return {
    groupId,
    add: (id: string) => pick((others) => [...new Set([...others, id])]),
    /** Those whom the text still names. */
    in: (body: string) => picked.filter((id) => body.includes(`@${names(id)}`)).slice(0, MOST_NAMED),
  };
}

type Offer = { mentions: ReturnType<typeof useMentions>; body: string; change: (body: string) => void };

/** Below the field: whom one may mean. */
export function Offered({ mentions, body, change }: Offer) {
  const begun = BEGUN.exec(body)?.[1];
  if (begun === undefined) return null;
  return (
    <Candidates
      groupId={mentions.groupId}
      begun={begun}
      choose={(one) => {
        mentions.add(one.id);
        change(`${body.slice(0, body.length - begun.length)}${one.name} `);
      }}
    />
  );
}

function Candidates({ groupId, begun, choose }: { groupId: string; begun: string; choose: (one: Named) => void }) {
  const { readers } = useReaders(groupId);
  const isForAll = readers?.everyone ?? false;
  const ids = isForAll ? [] : [...new Set(readers?.people)];
  const names = useNames(ids);
  const { found } = usePeople(begun, { size: MOST, enabled: isForAll });
  const wanted = begun.trim().toLocaleLowerCase();
  const candidates = isForAll
    ? found.map((person) => ({ id: person.id, name: person.profile?.name ?? "" }))
    : ids.map((id) => ({ id, name: names(id) })).filter(({ name }) => matches(name, wanted));
  // Once the whole name is there, there is nothing more to offer.
  const offered = candidates.filter(({ name }) => name.length > 1 && name.toLocaleLowerCase() !== wanted).slice(0, MOST);
  if (offered.length === 0) return null;
  return (
    <div className="row" role="group">
      {offered.map((one) => (
        <button key={one.id} type="button" className="second" onClick={() => choose(one)}>
          <Trans>
            Mention <bdi>{one.name}</bdi>
          </Trans>
        </button>
      ))}
    </div>
  );
}

function matches(name: string, wanted: string): boolean {
  const whole = name.toLocaleLowerCase();
  return whole.startsWith(wanted) || whole.split(/\s+/).some((word) => word.startsWith(wanted));
}
