/**
 * What was said in a room, oldest first. The browser draws only what is in sight (`content-visibility` in style.css), by
 * pages as they were read: a long conversation scrolls smoothly, and can still be searched, selected and read aloud.
 */

import { Trans, useLingui } from "@lingui/react/macro";
import { memo, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Message } from "../gen/regard/chat/v1/chat_pb.ts";
import { Attached } from "./attached.tsx";
import { Moment } from "./moments.tsx";
import { Said } from "./said.tsx";

/** Pixels from the end within which the reader is still following. */
const NEAR_THE_END = 80;

type Spoken = {
  /** Both newest first, as they were read. */
  pages: { messages: Message[] }[];
  names: (id: string) => string;
  me: string | undefined;
  /** Reads what was said before; undefined when there is nothing. */
  earlier: (() => void) | undefined;
};

export function Talk({ pages, names, me, earlier }: Spoken) {
  const { t } = useLingui();
  const last = pages[0]?.messages[0];
  const list = usePlace(last?.id, pages.length);
  return (
    <>
      <div className="talk" ref={list} tabIndex={0} role="region" aria-label={t`Conversation`}>
        {earlier && (
          <button type="button" className="plain" onClick={earlier}>
            <Trans>Earlier messages</Trans>
          </button>
        )}
        {pages.map(({ messages }, at) => <Page key={at} messages={messages} names={names} me={me} />).reverse()}
      </div>
      <Announced last={last} names={names} me={me} />
    </>
  );
}

type Drawn = { messages: Message[]; names: (id: string) => string; me: string | undefined };

const Page = memo(function Page({ messages, names, me }: Drawn) {
  return (
    <div className="page">
      {messages.map((one) => <Line key={one.id} message={one} author={names(one.authorId)} mine={one.authorId === me} />).reverse()}
    </div>
  );
});

const Line = memo(function Line({ message, author, mine }: { message: Message; author: string; mine: boolean }) {
  return (
    <article className={mine ? "said mine" : "said"}>
      <p className="meta">
        <strong>
          <bdi>{author}</bdi>
        </strong>{" "}
        <Moment at={message.sentAt} />
      </p>
      <Said {...message} edited={message.editedAt !== undefined} />
      <Attached groupId={message.groupId} ids={message.fileIds} />
      {message.reactions.length > 0 && (
        <p className="meta">
          <span>{message.reactions.map((one) => `${one.emoji} ${one.count}`).join("  ")}</span>
        </p>
      )}
    </article>
  );
});

/** Tells screen readers what others say from now on, and not what is read of before. */
function Announced({ last, names, me }: { last: Message | undefined; names: (id: string) => string; me: string | undefined }) {
  const [known] = useState(last?.sequence ?? 0n);
  const isNews = last && last.sequence > known && last.authorId !== me;
  return (
    <p className="unseen" role="log">
      {isNews && `${names(last.authorId)} : ${last.body}`}
    </p>
  );
}

/** Keeps the end in sight when something comes, unless the reader has gone up; then, what they read. */
function usePlace(last: string | undefined, pages: number): RefObject<HTMLDivElement | null> {
  const list = useRef<HTMLDivElement>(null);
  const followed = useRef(true);
  const fromEnd = useRef(0);
  useEffect(() => {
    const shown = list.current!;
    const look = () => {
      fromEnd.current = shown.scrollHeight - shown.scrollTop;
      followed.current = fromEnd.current - shown.clientHeight < NEAR_THE_END;
    };
    shown.addEventListener("scroll", look, { passive: true });
    return () => shown.removeEventListener("scroll", look);
  }, []);
  useLayoutEffect(() => {
    if (followed.current) list.current!.scrollTop = list.current!.scrollHeight;
  }, [last]);
  useLayoutEffect(() => {
    if (!followed.current) list.current!.scrollTop = list.current!.scrollHeight - fromEnd.current;
  }, [pages]);
  return list;
}
