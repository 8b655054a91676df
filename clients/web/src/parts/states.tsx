/** What a page shows when there is nothing to show: not yet, refused, or no such thing. */

import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { refusalOf } from "../api/refusal.ts";

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
