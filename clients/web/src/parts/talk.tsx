/**
 * What was said in a room, oldest first. The browser draws only what is in sight (`content-visibility` in style.css), by
 * pages as they were read: a long conversation scrolls smoothly, and can still be searched, selected and read aloud.
 */

import { Trans, useLingui } from "@lingui/react/macro";
import { createContext, memo, type MouseEvent, type RefObject, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { chat } from "../api/calls.ts";
import type { Message } from "../gen/regard/chat/v1/chat_pb.ts";
import { Attached } from "./attached.tsx";
import { Moment } from "./moments.tsx";
import { Saying } from "./saying.tsx";

/** Pixels from the end within which the reader is still following. */
const NEAR_THE_END = 80;

type Spoken = {
  /** Both newest first, as they were read. */
  pages: { messages: Message[] }[];
  names: (id: string) => string;
  me: string | undefined;
  /** Up to where they had read when they came. */
  seen: bigint;
  /** Whether nothing can be said here any more. */
  closed: boolean;
  moderates: boolean;
  /** What was said is not as it was any more; both stay the same functions. */
  changed: () => Promise<void>;
  answer: (message: Message) => void;
  /** Where something is written, by its id. */
  write: string | undefined;
  /** Reads what was said before; undefined when there is nothing. */
  earlier: (() => void) | undefined;
};

export function Talk({ pages, seen, write, earlier, ...all }: Spoken) {
  const { t } = useLingui();
  const last = pages[0]?.messages[0];
  const list = usePlace(last?.id, pages.length);
  const said = useMemo(() => new Map(pages.flatMap((page) => page.messages).map((one) => [one.id, one])), [pages]);
  const heard = useMemo(() => ({ said, names: all.names }), [said, all.names]);
  const [cameAt] = useState(last?.sequence ?? 0n);
  const firstNew = useMemo(() => oldestNew([...said.values()], seen, cameAt, all.me), [said, seen, cameAt, all.me]);
  return (
    <>
      {write && (
        <a className="skip" href={`#${write}`} onClick={(event) => skip(event, write)}>
          <Trans>Go to where one writes</Trans>
        </a>
      )}
      <div className="talk" ref={list} tabIndex={0} role="region" aria-label={t`Conversation`}>
        {earlier && (
          <button type="button" className="plain" onClick={earlier}>
            <Trans>Earlier messages</Trans>
          </button>
        )}
        <Heard value={heard}>
          {pages.map(({ messages }, at) => <Page key={at} messages={messages} firstNew={firstNew} {...all} />).reverse()}
        </Heard>
      </div>
      <Announced last={last} names={all.names} me={all.me} />
    </>
  );
}

/** What others said since someone was here, until they came; nothing is new to whoever was never here. */
function oldestNew(newestFirst: Message[], seen: bigint, cameAt: bigint, me: string | undefined): string | undefined {
  if (seen === 0n) return undefined;
  return newestFirst.findLast((one) => one.sequence > seen && one.sequence <= cameAt && one.authorId !== me)?.id;
}

/** The page's address says which page it is, and nothing of where on it one is. */
function skip(event: MouseEvent, write: string): void {
  event.preventDefault();
  document.getElementById(write)?.focus();
}

type Listened = { said: ReadonlyMap<string, Message>; names: (id: string) => string };

/** All that was read, by id, and by whom: only answers look into it, so that a new message draws no other again. */
const Heard = createContext<Listened>({ said: new Map(), names: () => "" });

type Drawn = Omit<Spoken, "pages" | "seen" | "earlier" | "write"> & {
  messages: Message[];
  firstNew: string | undefined;
};

const Page = memo(function Page({ messages, names, me, firstNew, ...all }: Drawn) {
  return (
    <div className="page">
      {messages
        .map((one) => (
          <Line
            key={one.id}
            message={one}
            author={names(one.authorId)}
            mine={one.authorId === me}
            mentioned={one.mentionedIds.includes(me ?? "")}
            isNew={one.id === firstNew}
            {...all}
          />
        ))
        .reverse()}
    </div>
  );
});

type Drawing = Pick<Spoken, "closed" | "moderates" | "changed" | "answer"> & {
  message: Message;
  author: string;
  mine: boolean;
  /** Whether it mentions whoever reads it. */
  mentioned: boolean;
  isNew: boolean;
};

const Line = memo(function Line({ message, author, mine, mentioned, isNew, closed, moderates, changed, answer }: Drawing) {
  const the = { roomId: message.roomId, messageId: message.id };
  return (
    <article className={mine ? "said mine" : "said"}>
      {isNew && (
        <p className="new">
          <Trans>New since you were here</Trans>
        </p>
      )}
      <p className="meta">
        <span>
          <strong>
            <bdi>{author}</bdi>
          </strong>
          {mentioned && (
            <>
              {" · "}
              <Trans>mentions you</Trans>
            </>
          )}
        </span>{" "}
        <Moment at={message.sentAt} />
      </p>
      {message.replyToId && <Answered id={message.replyToId} />}
      <Saying
        text={{ ...message, edited: message.editedAt !== undefined }}
        groupId={message.groupId}
        author={author}
        mine={mine}
        closed={closed}
        moderates={moderates}
        mentionedIds={message.mentionedIds}
        most={10_000}
        deeds={{
          react: (emoji, present) => chat.setReaction({ ...the, emoji, present }),
          edit: (body, mentionedIds) => chat.editMessage({ ...the, body, mentionedIds }),
          withdraw: () => chat.withdrawMessage(the),
          done: changed,
          answer: () => answer(message),
        }}
      >
        <Attached groupId={message.groupId} ids={message.fileIds} />
      </Saying>
    </article>
  );
});

/** What a message answers, if that was read. */
function Answered({ id }: { id: string }) {
  const { said, names } = useContext(Heard);
  const answered = said.get(id);
  return (
    <p className="answered line">
      {answered ? <AnswerTo author={names(answered.authorId)} /> : <Trans>Answer to an earlier message</Trans>} {answered?.body}
    </p>
  );
}

export function AnswerTo({ author }: { author: string }) {
  return (
    <Trans>
      Answer to <bdi>{author}</bdi>:
    </Trans>
  );
}

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
