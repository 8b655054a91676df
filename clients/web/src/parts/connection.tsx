/** How a stream is doing, in words; nothing while all is well. */

import { Trans } from "@lingui/react/macro";
import type { Connection } from "../api/live.ts";
import { Refused } from "./states.tsx";

export function ConnectionLine({ connection }: { connection: Connection }) {
  if (connection.state === "over" && connection.refusal) return <Refused error={connection.refusal} />;
  return (
    <p className={`connection ${connection.state}`} role="status">
      {connection.state === "live" && <Trans>Live</Trans>}
      {connection.state === "connecting" && <Trans>Connecting…</Trans>}
      {connection.state === "behind" && (
        <Trans>The connection is lost: what you see may be behind. Trying again…</Trans>
      )}
    </p>
  );
}
