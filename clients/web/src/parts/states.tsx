/** What a page shows when there is nothing to show: not yet, refused, or no such thing. */

import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { refusalOf } from "../api/refusal.ts";
import { useTitle } from "./title.ts";

export function Loading() {
  return (
    <p className="quiet" role="status">
      <Trans>One moment…</Trans>
    </p>
  );
}

/** A refusal with its remedy and its id, and a way to try again. */
export function Refused({ error, retry }: { error: unknown; retry?: () => void }) {
  const refusal = refusalOf(error);
  return (
    <div className="refused" role="alert">
      <p>
        <strong>{refusal.message || <Trans>Regard does not answer at the moment. Nothing is lost.</Trans>}</strong>
      </p>
      {refusal.remedy && <p>{refusal.remedy}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          <Trans>Try again</Trans>
        </button>
      )}
      {refusal.id && (
        <p className="quiet">
          {refusal.id}
          {refusal.requestId && ` · ${refusal.requestId}`}
        </p>
      )}
    </div>
  );
}

/** In place of every page when the first question gets no answer; asks again by itself when the network is back. */
export function Unanswered({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useLingui();
  const offline = !navigator.onLine;
  useTitle(offline ? t`Offline` : "");
  useEffect(() => {
    addEventListener("online", retry);
    return () => removeEventListener("online", retry);
  }, [retry]);
  if (!offline) {
    return (
      <main className="narrow">
        <h1>Regard</h1>
        <Refused error={error} retry={retry} />
      </main>
    );
  }
  return (
    <main className="narrow">
      <h1>
        <Trans>You are offline</Trans>
      </h1>
      <p>
        <Trans>
          Regard keeps nothing of what you read on this device, so there is nothing to show without a network. What you were
          writing is still there; the page goes on by itself when the network is back.
        </Trans>
      </p>
      <button type="button" onClick={retry}>
        <Trans>Try again</Trans>
      </button>
    </main>
  );
}

export function NoSuchPage() {
  return (
    <main className="narrow">
      <h1>
        <Trans>There is no such page</Trans>
      </h1>
      <p>
        <Link to="/">
          <Trans>Go to the first page</Trans>
        </Link>
      </p>
    </main>
  );
}
