/** A period of days, as two fields. */

import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useLingui } from "@lingui/react/macro";

/** Days as `2026-11-27`; empty for no bound. The last one is within the period. */
export type Days = { from: string; to: string };

export function Period({ period, choose }: { period: Days; choose: (period: Days) => void }) {
  const { t } = useLingui();
  return (
    <>
      <label className="row">
        {t`From`}
        <input
          type="date"
          max={period.to || undefined}
          value={period.from}
          onChange={(event) => choose({ ...period, from: event.target.value })}
        />
      </label>
      <label className="row">
        {t`To`}
        <input
          type="date"
          min={period.from || undefined}
          value={period.to}
          onChange={(event) => choose({ ...period, to: event.target.value })}
        />
      </label>
    </>
  );
}

/** The period as calls have it: from the first moment of its first day to before the day after its last. */
export function bounds({ from, to }: Days): { from?: Timestamp; to?: Timestamp } {
  return { ...(from ? { from: startOf(from, 0) } : {}), ...(to ? { to: startOf(to, 1) } : {}) };
}

function startOf(day: string, later: number): Timestamp {
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + later);
  return timestampFromDate(start);
}
