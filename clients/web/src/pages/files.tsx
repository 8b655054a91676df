/** A group's files: what is there, and sending more. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { getRouteApi, useBlocker } from "@tanstack/react-router";
import { useState } from "react";
import { feed } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Level } from "../gen/regard/common/v1/common_pb.ts";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { Of, visible } from "../parts/file-words.tsx";
import { FileLine } from "../parts/file.tsx";
import { Moment } from "../parts/moments.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { Refused } from "../parts/states.tsx";
import { ChooseFiles, Underway, useUploads } from "../parts/uploads.tsx";
import { WillRead } from "../parts/will-read.tsx";
import { useMe } from "./frame.tsx";
import { useGroup } from "./group.tsx";

const route = getRouteApi("/signed-in/groups/$groupId/files");

export function Files() {
  const { groupId } = route.useParams();
  return <OfGroup key={groupId} groupId={groupId} />;
}

function OfGroup({ groupId }: { groupId: string }) {
  const me = useMe();
  const read = usePages(["files", groupId], (page) => feed.listFiles({ groupId, page }), { size: 50 });
  const files = (read.data?.pages ?? []).flatMap((page) => page.files);
  const names = useNames(files.map((file) => file.authorId));
  return (
    <>
      <Send groupId={groupId} />
      {useGroup(groupId).data?.rules?.level === Level.CONFIDENTIAL && (
        <p className="quiet">
          <Trans>Whoever looks at a file or downloads it is written in the group’s ledger, each time; only its author is not.</Trans>
        </p>
      )}
      <Paged read={read} none={files.length === 0} empty={<Trans>There is no file in this group yet.</Trans>}>
        <ul className="files kept">
          {files.map((file) => (
            <li key={file.id} className="said">
              <p className="meta">
                <strong>
                  <bdi>{names(file.authorId)}</bdi>
                </strong>
                <Moment at={file.addedAt} />
              </p>
              <FileLine file={file} />
              {file.authorId === me?.id && file.description && <Withdraw file={file} name={visible(file.description.name)} />}
            </li>
          ))}
        </ul>
      </Paged>
    </>
  );
}

/** Where files are dropped or chosen. */
function Send({ groupId }: { groupId: string }) {
  const { t } = useLingui();
  const [count, setCount] = useState(0);
  const [isOver, setOver] = useState(false);
  const uploads = useUploads(groupId, () => {
    setCount((before) => before + 1);
    void readAgain(["files", groupId]);
  });
  const isSending = uploads.sending.some((one) => one.error === undefined);
  useBlocker({
    shouldBlockFn: () => isSending && !confirm(t`Files are still being sent. Leave them?`),
    enableBeforeUnload: () => isSending,
  });
  return (
    <>
      <section
        className={isOver ? "drop over" : "drop"}
        aria-label={t`Add files`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          uploads.add([...event.dataTransfer.files]);
        }}
      >
        <WillRead groupId={groupId} />
        <div className="row">
          <ChooseFiles label={t`Choose files…`} add={uploads.add} />
          <span className="quiet">
            <Trans>or drop them here; 64 MiB at most each</Trans>
          </span>
        </div>
      </section>
      <Underway uploads={uploads} />
      <p className="quiet" role="status">
        {count > 0 && <Plural value={count} one="# file was added" other="# files were added" />}
      </p>
    </>
  );
}

/** In two steps, since nothing brings a withdrawn file back. */
function Withdraw({ file, name }: { file: GroupFile; name: string }) {
  const [asked, ask] = useState(false);
  const withdrawing = useMutation({
    mutationFn: () => feed.withdrawFile({ fileId: file.id }),
    onSuccess: async () => {
      await readAgain(["files", file.groupId], ["attached", file.groupId]);
    },
  });
  return (
    <>
      <p className="row">
        <button type="button" className="plain" aria-expanded={asked} onClick={() => ask(!asked)}>
          <Trans>Withdraw</Trans> <Of name={name} />
        </button>
        {asked && (
          <button
            type="button"
            aria-disabled={withdrawing.isPending}
            onClick={() => withdrawing.isPending || withdrawing.mutate()}
          >
            <Trans>Withdraw it for everyone, for good</Trans>
          </button>
        )}
      </p>
      {withdrawing.error && <Refused error={withdrawing.error} />}
    </>
  );
}
