/** Who looked: the group's ledger, by hour and by reader, as it grows. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { ledger } from "../api/calls.ts";
import { type Connection, follow } from "../api/live.ts";
import { queries } from "../app/queries.ts";
import {
  type LedgerEntry,
  ListAccessesRequest_Scope as Scope,
  type WatchAccessesResponse,
} from "../gen/regard/audit/v1/audit_pb.ts";
import { Action } from "../gen/regard/audit/v1/events_pb.ts";
import { byHour, isPrivileged, keyOf, ledgerKey, type Ledger, type Looks, withEntry } from "../parts/accesses.ts";
import { ConnectionLine } from "../parts/connection.tsx";
import { ContestThis, Contests } from "../parts/contest.tsx";
import { Line } from "../parts/look.tsx";
import { useNames } from "../parts/names.ts";
import { usePages } from "../parts/pages.tsx";
import { bounds, Period } from "../parts/period.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { useActionWords } from "../parts/words.ts";

const route = getRouteApi("/signed-in/groups/$groupId/looked");
const EVERYONE = "";
const WITH_A_ROLE = "role";
/** Lines of one reader in one hour that are shown before the others are asked for. */
const SHOWN = 4;

export function WhoLooked() {
  const { groupId } = route.useParams();
  const { t } = useLingui();
  const words = useActionWords();
  const [whom, choose] = useState(EVERYONE);
  const [what, chooseWhat] = useState(Action.UNSPECIFIED);
  const [period, setPeriod] = useState({ from: "", to: "" });
  const { connection, fresh, add } = useWatch(groupId);
  // What comes live is added where there are no bounds.
  const key = period.from || period.to ? [...ledgerKey(groupId), period] : ledgerKey(groupId);
  // Once the watch has begun, so that nothing is missing between them; or without one, if it can't begin.
  const how = { size: 100, enabled: connection.state !== "connecting", staleTime: 0 };
  const read = usePages(key, (page) => ledger.listAccesses({ scope: Scope.GROUP, groupId, ...bounds(period), page }), how);
  useEffect(add, [add, read.isSuccess]);
  const entries = (read.data?.pages ?? []).flatMap((page) => page.entries);
  const names = useNames(entries.map((entry) => entry.readerId));
  if (read.isPending) return <Loading />;
  if (read.error && !read.data) return <Refused error={read.error} retry={() => void read.refetch()} />;
  const readers = [...new Set(entries.map((entry) => entry.readerId).filter(Boolean))];
  const actions = [...new Set(entries.map((entry) => entry.action))].sort((one, other) => one - other);
  const wanted = entries.filter(
    (entry) =>
      (whom === EVERYONE || (whom === WITH_A_ROLE ? isPrivileged(entry) : entry.readerId === whom)) &&
      (what === Action.UNSPECIFIED || entry.action === what),
  );
  return (
    <>
      <p className="quiet">
        <Trans>
          Every access is written here before anything is shown, reading this page included. Nobody can take a line away.
        </Trans>
      </p>
      <div className="row">
        <ConnectionLine connection={connection} />
        <label className="row">
          {t`Show`}
          <select value={whom} onChange={(event) => choose(event.target.value)}>
            <option value={EVERYONE}>{t`everyone`}</option>
            <option value={WITH_A_ROLE}>{t`only who looked because of a role`}</option>
            {readers.map((id) => (
              <option key={id} value={id}>
                {names(id)}
              </option>
            ))}
          </select>
        </label>
        <label className="row">
          {t`What they did`}
          <select value={what} onChange={(event) => chooseWhat(Number(event.target.value))}>
            <option value={Action.UNSPECIFIED}>{t`anything`}</option>
            {actions.map((action) => (
              <option key={action} value={action}>
                {words(action)}
              </option>
            ))}
          </select>
        </label>
        <Period period={period} choose={setPeriod} />
        <p className="quiet count" role="status">
          {fresh > 0 && <Plural value={fresh} one="# new line since you came" other="# new lines since you came" />}
        </p>
      </div>
      <Timeline entries={wanted} whole={!read.hasNextPage} />
      <Contests groupId={groupId} />
      <ol className="hours">
        {byHour(wanted).map((hour) => (
          <li key={hour.start.getTime()}>
            <h2>
              <HourOf start={hour.start} />
            </h2>
            <ul className="looks">
              {hour.readers.map((looks) => (
                <li key={looks.key}>
                  <OfReader looks={looks} name={names(looks.reader)} />
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {wanted.length === 0 && (
        <p className="quiet">
          <Trans>Nobody, as far as these lines go.</Trans>
        </p>
      )}
      {read.hasNextPage && (
        <button type="button" onClick={() => void read.fetchNextPage()} aria-disabled={read.isFetchingNextPage}>
          <Trans>Earlier accesses</Trans>
        </button>
      )}
    </>
  );
}

/** What one reader did in an hour: the latest lines, and the others behind a click. */
function OfReader({ looks, name }: { looks: Looks; name: string }) {
  const [all, showAll] = useState(false);
  const hidden = all ? 0 : Math.max(looks.entries.length - SHOWN, 0);
  return (
    <ul>
      {looks.entries.slice(0, looks.entries.length - hidden).map((entry) => (
        <li key={keyOf(entry)} className={isPrivileged(entry) ? "look privileged" : "look"}>
          <Line entry={entry} name={name} more={entry.accessId && <ContestThis entry={entry} />} />
        </li>
      ))}
      {hidden > 0 && (
        <li className="look">
          <button type="button" className="plain" onClick={() => showAll(true)}>
            <Plural value={hidden} one="# more line of this reader" other="# more lines of this reader" />
          </button>
        </li>
      )}
    </ul>
  );
}

function HourOf({ start }: { start: Date }) {
  const { i18n } = useLingui();
  const options: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long", hour: "numeric" };
  return <time dateTime={start.toISOString()}>{i18n.date(start, options)}</time>;
}

/** Follows the ledger; `fresh`: how many lines came; `add`: gives those that came before it was read their place. */
function useWatch(groupId: string): { connection: Connection; fresh: number; add: () => void } {
  const [connection, show] = useState<Connection>({ state: "connecting" });
  const [fresh, setFresh] = useState(0);
  const waiting = useRef<LedgerEntry[]>([]);
  const add = useCallback(() => {
    if (!queries.getQueryData<Ledger>(ledgerKey(groupId))) return;
    const come = waiting.current.splice(0);
    queries.setQueryData<Ledger>(ledgerKey(groupId), (read) => read && come.reduce(withEntry, read));
  }, [groupId]);
  useEffect(() => {
    const ended = new AbortController();
    void follow<WatchAccessesResponse>(
      {
        open: (cursor, signal) => ledger.watchAccesses({ groupId, cursor }, { signal }),
        take: ({ frame }) => {
          if (frame.case !== "entry") return;
          if (!frame.value.endedAt) setFresh((count) => count + 1);
          waiting.current.push(frame.value);
          add();
        },
        show,
      },
      ended.signal,
    );
    return () => ended.abort();
  }, [groupId, add]);
  return { connection, fresh, add };
}
