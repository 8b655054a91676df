/** Where something is written, below the line that says who will be able to read it. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { feed, newKey } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { Of, visible } from "./file-words.tsx";
import { Offered, useMentions } from "./mentions.tsx";
import { Refused } from "./states.tsx";
import { ChooseFiles, Underway, useUploads } from "./uploads.tsx";
import { WillRead } from "./will-read.tsx";

type Written = {
  groupId: string;
  /** Names the draft, which outlives a crash of the page but not the window. */
  draft: string;
  label: string;
  button: string;
  most: number;
  /** Whether files of the group may stand with it. */
  attaches?: boolean;
  /** What stands above the field, such as what is being answered. */
  above?: ReactNode;
  /** `key` makes sending twice send once. */
  send: (written: Sent, key: string) => Promise<unknown>;
};

/** The id of the field of a draft, for what leads to it. */
export const fieldOf = (draft: string) => `write-${draft}`;

export type Sent = { body: string; fileIds: string[]; mentionedIds: string[] };

/** Files with one text. */
const MOST_FILES = 10;

export function Composer({ groupId, draft, label, button, most, attaches = false, above, send }: Written) {
  const { t } = useLingui();
  const place = `regard-draft-${draft}`;
  const [body, setBody] = useState(() => sessionStorage.getItem(place) ?? "");
  const key = useRef(newKey());
  useEffect(() => {
    if (body) sessionStorage.setItem(place, body);
    else sessionStorage.removeItem(place);
  }, [body, place]);
  const [files, setFiles] = useState<GroupFile[]>([]);
  const uploads = useUploads(groupId, (file) => {
    setFiles((before) => [...before, file]);
    void readAgain(["files", groupId]);
  });
  const mentions = useMentions(groupId);
  const isWaiting = uploads.sending.some((one) => one.error === undefined);
  const isReady = body.trim() !== "" && !isWaiting && files.length <= MOST_FILES;
  const sending = useMutation({
    mutationFn: () => {
      const written = { body, fileIds: files.map((file) => file.id), mentionedIds: mentions.in(body) };
      return send(written, key.current);
    },
    onSuccess: () => {
      setBody("");
      setFiles([]);
      key.current = newKey();
    },
  });
  const submit = () => {
    if (isReady && !sending.isPending) sending.mutate();
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
      {above}
      <label>
        <span>{label}</span>
        <textarea
          id={fieldOf(draft)}
          rows={2}
          value={body}
          maxLength={most}
          onChange={(event) => setBody(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </label>
      <Offered mentions={mentions} body={body} change={setBody} />
      {attaches && (
        <>
          <Chosen files={files} drop={(id) => setFiles((before) => before.filter((one) => one.id !== id))} />
          <Underway uploads={uploads} />
          {files.length > MOST_FILES && (
            <p role="alert">
              <Trans>{MOST_FILES} files at most stand with one text.</Trans>
            </p>
          )}
        </>
      )}
      {sending.error && <Refused error={sending.error} />}
      <div className="row">
        <button type="submit" aria-disabled={sending.isPending || !isReady}>
          {button}
        </button>
        {attaches && <ChooseFiles label={t`Attach files…`} add={uploads.add} />}
        <span className="quiet">{t`Ctrl+Enter sends; @ and a name mentions somebody`}</span>
      </div>
    </form>
  );
}

/** What will stand with the text. It is in the group's files already. */
function Chosen({ files, drop }: { files: GroupFile[]; drop: (id: string) => void }) {
  const { t } = useLingui();
  const withdrawing = useMutation({
    mutationFn: async (file: GroupFile) => {
      await feed.withdrawFile({ fileId: file.id });
      drop(file.id);
      await readAgain(["files", file.groupId]);
    },
  });
  if (files.length === 0) return null;
  return (
    <>
      <ul className="files" aria-label={t`Files attached`}>
        {files.map((file) => (
          <li key={file.id} className="row">
            <bdi className="name">{visible(file.description?.name ?? "")}</bdi>
            <button type="button" className="plain" onClick={() => withdrawing.isPending || withdrawing.mutate(file)}>
              <Trans>Withdraw</Trans> <Of name={visible(file.description?.name ?? "")} />
            </button>
          </li>
        ))}
      </ul>
      {withdrawing.error && <Refused error={withdrawing.error} />}
      <p className="quiet">
        <Trans>They are among the group’s files already.</Trans>
      </p>
    </>
  );
}
