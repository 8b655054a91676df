/** When a group was looked at: accesses by day, those by a role apart; the same as numbers below. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import type { LedgerEntry } from "../gen/regard/audit/v1/audit_pb.ts";
import { isPrivileged } from "./accesses.ts";

/** Days in the picture; earlier ones are in the numbers. */
const DAYS = 28;
/** Of the picture, in its own units. */
const HEIGHT = 60;
const STEP = 20;

export type Day = { start: Date; members: number; roles: number };

/** Accesses by day, newest first; lines that count stand for as many as they say. */
export function byDay(entries: Iterable<LedgerEntry>): Day[] {
  const days = new Map<number, Day>();
  for (const entry of entries) {
    if (!entry.at) continue;
    const start = timestampDate(entry.at);
    start.setHours(0, 0, 0, 0);
    const day = days.get(start.getTime()) ?? { start, members: 0, roles: 0 };
    days.set(start.getTime(), day);
    day[isPrivileged(entry) ? "roles" : "members"] += entry.count || 1;
  }
  return [...days.values()].sort((one, other) => other.start.getTime() - one.start.getTime());
}

/** Drawn with shapes that need no colour: bars of members are filled, those of roles are hatched and stand on top. */
export function Timeline({ entries, whole }: { entries: LedgerEntry[]; whole: boolean }) {
  const { i18n, t } = useLingui();
  const days = byDay(entries);
  const newest = days[0]?.start;
  if (!newest) return null;
  const at = new Map(days.map((day) => [day.start.getTime(), day]));
  const drawn = Array.from({ length: DAYS }, (_, back) => {
    const start = new Date(newest);
    start.setDate(start.getDate() - (DAYS - 1 - back));
    return at.get(start.getTime()) ?? { start, members: 0, roles: 0 };
  });
  const most = Math.max(1, ...drawn.map((day) => day.members + day.roles));
  const tall = (count: number) => (count / most) * HEIGHT;
  const named = (day: Date) => i18n.date(day, { dateStyle: "medium" });
  const [first, last] = [named(drawn[0]!.start), named(newest)];
  return (
    <figure className="timeline">
      <svg viewBox={`0 0 ${DAYS * STEP} ${HEIGHT + 2}`} role="img" aria-label={t`Accesses by day, from ${first} to ${last}`}>
        <defs>
          <pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect className="roles" width="2" height="4" />
          </pattern>
        </defs>
        <line className="ground" x1="0" x2={DAYS * STEP} y1={HEIGHT + 1} y2={HEIGHT + 1} />
        {drawn.map((day, place) => (
          <g key={day.start.getTime()}>
            <rect
              className="members"
              x={place * STEP + 3}
              width={STEP - 6}
              y={HEIGHT - tall(day.members)}
              height={tall(day.members)}
            />
            <rect
              className="hatched"
              fill="url(#hatch)"
              x={place * STEP + 3}
              width={STEP - 6}
              y={HEIGHT - tall(day.members + day.roles)}
              height={tall(day.roles)}
            />
          </g>
        ))}
      </svg>
      <figcaption className="quiet">
        <Trans>
          From {first} to {last}: filled, by those who belong; hatched, by those who look because of a role.
        </Trans>{" "}
        {!whole && <Trans>Earlier accesses come in as they are asked for.</Trans>}
      </figcaption>
      <details>
        <summary>
          <Trans>The same in numbers</Trans>
        </summary>
        <ul>
          {days.map((day) => (
            <li key={day.start.getTime()}>
              <time dateTime={day.start.toISOString()}>{named(day.start)}</time>:{" "}
              <Plural value={day.members} one="# by those who belong" other="# by those who belong" />,{" "}
              <Plural value={day.roles} one="# because of a role" other="# because of a role" />
            </li>
          ))}
        </ul>
      </details>
    </figure>
  );
}
