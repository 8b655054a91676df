/** Files on their way to a group: one after the other, each with its progress, while the page that sends them is open. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useRef, useState } from "react";
import { MOST_BYTES, TooLarge, Unreadable, Upload } from "../api/files.ts";
import { refusalOf } from "../api/refusal.ts";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { Of, Size, visible } from "./file-words.tsx";
import { Refused } from "./states.tsx";

/** `error` when it has stopped, or is too large to begin. */
type Sending = { id: number; file: File; upload: Upload; ends: AbortController; done: number; error?: unknown };

export type Uploads = {
  sending: Sending[];
  add: (files: Iterable<File>) => void;
  again: (id: number) => void;
  cancel: (id: number) => void;
};

/** `added` is called with each file that has become one of the group. */
export function useUploads(groupId: string, added: (file: GroupFile) => void): Uploads {
  const [sending, set] = useState<Sending[]>([]);
  const all = useRef(new Map<number, Sending>());
  const last = useRef(Promise.resolve());
  const count = useRef(0);
  const show = (one: Sending) => {
    if (!all.current.has(one.id)) return;
    all.current.set(one.id, one);
    set([...all.current.values()]);
  };
  const drop = (id: number) => {
    all.current.delete(id);
    set([...all.current.values()]);
  };
  useEffect(() => {
    const begun = all.current;
    return () => begun.forEach((one) => one.ends.abort());
  }, []);
  const run = async (id: number) => {
    const one = all.current.get(id);
    if (!one) return;
    try {
      const file = await one.upload.send((done) => show({ ...one, done }), one.ends.signal);
      drop(id);
      added(file);
    } catch (error) {
      if (one.ends.signal.aborted) return;
      if (!(error instanceof Unreadable) && !refusalOf(error).unreachable) one.upload.restart();
      show({ ...all.current.get(id)!, error });
    }
  };
  const queue = (id: number) => {
    last.current = last.current.then(() => run(id));
  };
  return {
    sending,
    add: (files) => {
      for (const file of files) {
        const id = ++count.current;
        const one: Sending = { id, file, upload: new Upload(groupId, file), ends: new AbortController(), done: 0 };
        all.current.set(id, one);
        if (file.size > MOST_BYTES) show({ ...one, error: new TooLarge() });
        else {
          show(one);
          queue(id);
        }
      }
    },
    again: (id) => {
      const { error: _, ...one } = all.current.get(id)!;
      show(one);
      queue(id);
    },
    cancel: (id) => {
      all.current.get(id)?.ends.abort();
      drop(id);
    },
  };
}

/** A button that opens the device's files. */
export function ChooseFiles({ label, add }: { label: string; add: Uploads["add"] }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="second" onClick={() => input.current!.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          add([...event.target.files!]);
          event.target.value = "";
        }}
      />
    </>
  );
}

export function Underway({ uploads }: { uploads: Uploads }) {
  const { t } = useLingui();
  if (uploads.sending.length === 0) return null;
  return (
    <ul className="files" aria-label={t`Being sent`}>
      {uploads.sending.map((one) => (
        <li key={one.id} className="said">
          <Line one={one} uploads={uploads} />
        </li>
      ))}
    </ul>
  );
}

function Line({ one, uploads }: { one: Sending; uploads: Uploads }) {
  const { t } = useLingui();
  const name = visible(one.file.name);
  const hasStopped = one.error !== undefined;
  return (
    <>
      <p className="meta">
        <bdi className="name">{name}</bdi>
        <span className="quiet">
          <Size bytes={one.file.size} />
        </span>
      </p>
      {hasStopped ? (
        <Stopped error={one.error} />
      ) : (
        <progress aria-label={t`Sending ${name}`} max={one.file.size || 1} value={one.done} />
      )}
      <p className="row">
        {hasStopped && !(one.error instanceof TooLarge) && (
          <button type="button" className="plain" onClick={() => uploads.again(one.id)}>
            <Trans>Try again</Trans> <Of name={name} />
          </button>
        )}
        <button type="button" className="plain" onClick={() => uploads.cancel(one.id)}>
          {hasStopped ? <Trans>Leave it</Trans> : <Trans>Cancel</Trans>} <Of name={name} />
        </button>
      </p>
    </>
  );
}

function Stopped({ error }: { error: unknown }) {
  if (error instanceof TooLarge) {
    return (
      <p role="alert">
        <Trans>This file is too large: 64 MiB at most.</Trans>
      </p>
    );
  }
  if (error instanceof Unreadable) {
    return (
      <p role="alert">
        <Trans>This device does not give this file any more. Choose it again.</Trans>
      </p>
    );
  }
  return <Refused error={error} />;
}
