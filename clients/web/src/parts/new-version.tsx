/** Says that a new version of the client is there; drafts outlive the reload. */

import { Trans } from "@lingui/react/macro";
import { useSyncExternalStore } from "react";
import { newVersion } from "../app/installed.ts";

export function NewVersion() {
  if (!useSyncExternalStore(newVersion.subscribe, newVersion.waits)) return null;
  return (
    <aside className="new-version row" role="status">
      <Trans>A new version of Regard is there.</Trans>
      <button type="button" onClick={newVersion.takeOver}>
        <Trans>Load it now</Trans>
      </button>
    </aside>
  );
}
