/** A text that someone wrote, with what can be done about it: react, answer, and, for its author, change or withdraw it. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Act } from "./act.tsx";
import { Offered, useMentions } from "./mentions.tsx";
import { Said } from "./said.tsx";
import { Refused } from "./states.tsx";
import { WillRead } from "./will-read.tsx";

/** What is offered; others, as an import may bring, are shown and can be joined. */
const EMOJI = ["👍", "❤️", "😄", "🎉", "👏", "🤔"];

type Text = {
  body: string;
  withdrawn: boolean;
  erased: boolean;
  edited: boolean;
  reactions: { emoji: string; count: number; mine: boolean }[];
};

export type Deeds = {
  react: (emoji: string, present: boolean) => Promise<unknown>;
  edit: (body: string, mentionedIds: string[]) => Promise<unknown>;
  withdraw: () => Promise<unknown>;
  /** What to read again. */
  done: () => unknown;
  /** Begins an answer, where texts answer each other. */
  answer?: (() => void) | undefined;
};

type Shown = {
  text: Text;
  groupId: string;
  author: string;
  mine: boolean;
  /** Whether nothing can be said here any more. */
  closed?: boolean;
  moderates: boolean;
  /** Whom the text names. */
  mentionedIds: string[];
  /** Longest text, in characters. */
  most: number;
  deeds: Deeds;
  /** What stands with the text. */
  children?: ReactNode;
  /** Beside the reactions. */
  beside?: ReactNode;
};

export function Saying({ text, groupId, author, mine, closed, moderates, mentionedIds, most, deeds, children, beside }: Shown) {
  const { t } = useLingui();
  const [mode, show] = useState<"shut" | "open" | "editing">("shut");
  const isThere = !text.withdrawn && !text.erased;
  const acts = isThere && !closed;
  return (
    <>
      {mode === "editing" ? (
        <Edit groupId={groupId} body={text.body} mentionedIds={mentionedIds} most={most} deeds={deeds} close={() => show("shut")} />
      ) : (
        <Said {...text} />
      )}
      {children}
      {(isThere || beside) && (
        <p className="deeds">
          {beside}
          {text.reactions.map((one) => (
            <Reaction key={one.emoji} one={one} acts={acts} deeds={deeds} />
          ))}
          {acts && (
            <button
              type="button"
              className="plain more"
              aria-expanded={mode === "open"}
              aria-label={t`What to do about the text of ${author}`}
              onClick={() => show(mode === "open" ? "shut" : "open")}
            >
              ⋯
            </button>
          )}
        </p>
      )}
      {mode === "open" && acts && (
        <div className="deeds" role="group" aria-label={t`What to do about the text of ${author}`}>
          {EMOJI.filter((emoji) => !text.reactions.some((one) => one.emoji === emoji)).map((emoji) => (
            <Act key={emoji} act={() => deeds.react(emoji, true)} done={deeds.done} className="chip">
              <span className="unseen">
                <Trans>React with</Trans>{" "}
              </span>
              {emoji}
            </Act>
          ))}
          {deeds.answer && (
            <button
              type="button"
              className="plain"
              onClick={() => {
                show("shut");
                deeds.answer?.();
              }}
            >
              <Trans>Answer</Trans>
            </button>
          )}
          {mine && (
            <button type="button" className="plain" onClick={() => show("editing")}>
              <Trans>Change</Trans>
            </button>
          )}
          {(mine || moderates) && (
            <Act
              act={deeds.withdraw}
              done={deeds.done}
              sure={<Trans>Nobody will be able to read it any more, and nothing brings it back. Withdraw it?</Trans>}
            >
              <Trans>Withdraw</Trans>
            </Act>
          )}
        </div>
      )}
    </>
  );
}

function Reaction({ one, acts, deeds }: { one: Text["reactions"][number]; acts: boolean; deeds: Deeds }) {
  const reacting = useMutation({ mutationFn: () => deeds.react(one.emoji, !one.mine), onSuccess: deeds.done });
  if (!acts) return <span>{`${one.emoji} ${one.count}`}</span>;
  return (
    <>
      <button
        type="button"
        className="chip"
        aria-pressed={one.mine}
        aria-disabled={reacting.isPending}
        onClick={() => reacting.isPending || reacting.mutate()}
      >
        {`${one.emoji} ${one.count}`}
      </button>
      {reacting.error && <Refused error={reacting.error} />}
    </>
  );
}

type Changing = { groupId: string; body: string; mentionedIds: string[]; most: number; deeds: Deeds; close: () => void };

function Edit({ groupId, body: before, mentionedIds, most, deeds, close }: Changing) {
  const { t } = useLingui();
  const [body, change] = useState(before);
  const mentions = useMentions(groupId, mentionedIds);
  const isReady = body.trim() !== "" && body !== before;
  const changing = useMutation({
    mutationFn: () => deeds.edit(body, mentions.in(body)),
    onSuccess: async () => {
      await deeds.done();
      close();
    },
  });
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady && !changing.isPending) changing.mutate();
      }}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <WillRead groupId={groupId} />
      <label>
        <span>{t`The text, changed`}</span>
        <textarea autoFocus rows={3} value={body} maxLength={most} onChange={(event) => change(event.target.value)} />
      </label>
      <Offered mentions={mentions} body={body} change={change} />
      {changing.error && <Refused error={changing.error} />}
      <div className="row">
        <button type="submit" aria-disabled={changing.isPending || !isReady}>
          <Trans>Keep the change</Trans>
        </button>
        <button type="button" className="second" onClick={close}>
          <Trans>Leave it as it was</Trans>
        </button>
      </div>
    </form>
  );
}
