/** A text that someone wrote, or why there is none. */

import { Trans } from "@lingui/react/macro";

export function Said({ body, withdrawn, erased, edited }: { body: string; withdrawn: boolean; erased: boolean; edited: boolean }) {
  if (withdrawn) return <p className="quiet">(<Trans>withdrawn</Trans>)</p>;
  if (erased) return <p className="quiet">(<Trans>erased</Trans>)</p>;
  return (
    <p className="text" dir="auto">
      {body}
      {edited && <span className="quiet"> (<Trans>edited</Trans>)</span>}
    </p>
  );
}
