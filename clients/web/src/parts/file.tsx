/** A file of a group: what it is, a look at it, its download. Each look and each download is written in the ledger. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { BadDownload, download } from "../api/files.ts";
import type { File as GroupFile } from "../gen/regard/feed/v1/feed_pb.ts";
import { Of, Size, visible } from "./file-words.tsx";
import { save } from "./save.ts";
import { shownAs, type Shown } from "./sniff.ts";
import { Refused } from "./states.tsx";

/** Bytes of the largest file that is shown here. */
const MOST_SHOWN = 8 * 1024 * 1024;
const MOST_CHARACTERS = 100_000;
/** Pixels of the longer side of a picture. */
const LONGEST_SIDE = 1600;
const SHOWABLE = /^(text\/|image\/(png|jpeg|gif|webp)$|application\/(json|xml)$)/;

/** Its name and size, or why it has none; with what can be done with it. */
export function FileLine({ file }: { file: GroupFile }) {
  const { t } = useLingui();
  const got = useDownload(file);
  const [shown, show] = useState<Shown | "nothing">();
  if (!file.description) {
    return <p className="quiet">({file.withdrawn ? <Trans>withdrawn file</Trans> : <Trans>erased file</Trans>})</p>;
  }
  const name = visible(file.description.name);
  const look = async () => {
    const bytes = await got.run();
    if (bytes) show(shownAs(bytes) ?? "nothing");
  };
  const keep = async () => {
    const bytes = await got.run();
    if (bytes) save(bytes, name);
  };
  const isBusy = got.done !== undefined;
  const canShow = SHOWABLE.test(file.description.mediaType) && file.size <= MOST_SHOWN;
  return (
    <>
      <p className="meta">
        <bdi className="name">{name}</bdi>
        <span className="quiet">
          <Size bytes={file.size} />
        </span>
      </p>
      <div className="row">
        <button type="button" className="plain" aria-disabled={isBusy} onClick={() => void (isBusy || keep())}>
          <Trans>Download</Trans> <Of name={name} />
        </button>
        {canShow && (
          <button
            type="button"
            className="plain"
            aria-disabled={isBusy}
            aria-expanded={shown !== undefined}
            onClick={() => void (isBusy || (shown ? show(undefined) : look()))}
          >
            {shown ? <Trans>Close</Trans> : <Trans>Look at it</Trans>} <Of name={name} />
          </button>
        )}
        {isBusy && (
          <>
            <progress aria-label={t`Receiving ${name}`} max={Number(file.size) || 1} value={got.done} />
            <button type="button" className="plain" onClick={got.cancel}>
              <Trans>Cancel</Trans> <Of name={name} />
            </button>
          </>
        )}
      </div>
      {got.error instanceof BadDownload ? (
        <p className="refused" role="alert">
          <Trans>What came is not the file that its author sent. Nothing of it was kept. Try again, and tell whoever runs Regard.</Trans>
        </p>
      ) : (
        got.error && <Refused error={got.error} />
      )}
      {shown === "nothing" ? (
        <p className="quiet" role="status">
          <Trans>This is neither a picture nor a text, whatever its name says: it can only be downloaded.</Trans>
        </p>
      ) : (
        shown && <Look shown={shown} name={name} fail={() => show("nothing")} />
      )}
    </>
  );
}

function Look({ shown, name, fail }: { shown: Shown; name: string; fail: () => void }) {
  if ("image" in shown) return <Picture image={shown.image} name={name} fail={fail} />;
  const cut = shown.text.length > MOST_CHARACTERS;
  return (
    <>
      <pre className="look-at" dir="auto" tabIndex={0} role="region" aria-label={name}>
        {cut ? shown.text.slice(0, MOST_CHARACTERS) : shown.text}
      </pre>
      {cut && (
        <p className="quiet">
          <Trans>This is only its beginning.</Trans>
        </p>
      )}
    </>
  );
}

/** Drawn, not loaded by an address: what is drawn can be no document, and the policy of the page stays as strict. */
function Picture({ image, name, fail }: { image: Blob; name: string; fail: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const failed = useRef(fail);
  useEffect(() => {
    let isOver = false;
    createImageBitmap(image).then(
      (bitmap) => {
        const drawn = canvas.current;
        if (!isOver && drawn) {
          const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
          drawn.width = Math.max(1, Math.round(bitmap.width * scale));
          drawn.height = Math.max(1, Math.round(bitmap.height * scale));
          drawn.getContext("2d")!.drawImage(bitmap, 0, 0, drawn.width, drawn.height);
        }
        bitmap.close();
      },
      () => isOver || failed.current(),
    );
    return () => {
      isOver = true;
    };
  }, [image]);
  return <canvas ref={canvas} className="look-at" role="img" aria-label={name} width={1} height={1} />;
}

/** `done`: bytes that came, while they come. `run` gives nothing when it was cancelled or failed. */
function useDownload(file: GroupFile) {
  const [done, told] = useState<number>();
  const ends = useRef(new AbortController());
  useEffect(() => () => ends.current.abort(), []);
  const getting = useMutation({
    mutationFn: async () => {
      ends.current = new AbortController();
      told(0);
      try {
        return await download(file, told, ends.current.signal);
      } catch (error) {
        if (ends.current.signal.aborted) return undefined;
        throw error;
      } finally {
        told(undefined);
      }
    },
    // Nothing of a file stays in memory for longer than it is shown.
    gcTime: 0,
  });
  const run = () => getting.mutateAsync().then((bytes) => (getting.reset(), bytes)).catch(() => undefined);
  return { done, error: getting.error, run, cancel: () => ends.current.abort() };
}
