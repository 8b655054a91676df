/** What auditors ask of the ledger: search, counts, completeness, and all of a break-glass. Each question is recorded. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { audit } from "../api/calls.ts";
import {
  type CheckCompletenessResponse,
  CheckCompletenessResponse_Kind as Kind,
  type GetStatisticsResponse,
} from "../gen/regard/audit/v1/audit_pb.ts";
import { Purpose } from "../gen/regard/common/v1/common_pb.ts";
import { Role } from "../gen/regard/common/v1/options_pb.ts";
import { Case } from "../parts/break-glass.tsx";
import { SearchPeople, usePeople } from "../parts/directory.tsx";
import { Export } from "../parts/export.tsx";
import { ForRoles } from "../parts/for-roles.tsx";
import { Line } from "../parts/look.tsx";
import { Looks, useLooks } from "../parts/looks.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { bounds, type Days, Period } from "../parts/period.tsx";
import { Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useActionWords, useCapacityWords, usePurposeWords } from "../parts/words.ts";

const PAGE = 50;
/** Purposes for which the ledger is questioned. */
const PURPOSES = [
  Purpose.INTERNAL_AUDIT,
  Purpose.SECURITY_INCIDENT,
  Purpose.DATA_SUBJECT_REQUEST,
  Purpose.LEGAL_OBLIGATION,
  Purpose.HARASSMENT_COMPLAINT,
];

type Why = { purpose: Purpose; purposeReference: string };

export function Audit() {
  const { t } = useLingui();
  useTitle(t`Audit`);
  const words = usePurposeWords();
  const [why, setWhy] = useState<Why>({ purpose: Purpose.INTERNAL_AUDIT, purposeReference: "" });
  return (
    <ForRoles roles={[Role.AUDITOR]} title={<Trans>Audit</Trans>}>
      <p className="will-read">
        <Trans>
          Everything asked here is recorded. Each group that a question concerns reads in its own ledger who asked, and why,
          before it is answered.
        </Trans>
      </p>
      <div className="row">
        <label>
          <Trans>Purpose</Trans>{" "}
          <select value={why.purpose} onChange={(event) => setWhy({ ...why, purpose: Number(event.target.value) })}>
            {PURPOSES.map((one) => (
              <option key={one} value={one}>
                {words(one)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <Trans>Reference, such as the number of the audit</Trans>
          <input
            maxLength={100}
            required
            value={why.purposeReference}
            onChange={(event) => setWhy({ ...why, purposeReference: event.target.value })}
          />
        </label>
      </div>
      <Search why={why} />
      <Completeness why={why} />
      <Trail why={why} />
    </ForRoles>
  );
}

type Query = Why & { groupIds: string[]; readerId: string } & ReturnType<typeof bounds>;

function Search({ why }: { why: Why }) {
  const { t } = useLingui();
  const [groups, setGroups] = useState("");
  const [reader, setReader] = useState({ id: "", name: "" });
  const [period, setPeriod] = useState<Days>({ from: "", to: "" });
  // What was asked last: it is asked once, and not again when something is typed.
  const [asked, ask] = useState<Query>();
  const groupIds = groups.split(/[\s,]+/).filter(Boolean);
  const query = { ...why, groupIds, readerId: reader.id, ...bounds(period) };
  const isComplete = why.purposeReference.trim() !== "" && (groupIds.length > 0 || reader.id !== "");
  const counting = useMutation({ mutationFn: async () => (await audit.getStatistics({ query })).counts });
  return (
    <section aria-labelledby="search">
      <h2 id="search">
        <Trans>Who accessed what</Trans>
      </h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete) ask(query);
        }}
      >
        <label className="search">
          {t`Groups, by their identifiers; with a person, none stands for all that they accessed`}
          <textarea rows={2} value={groups} onChange={(event) => setGroups(event.target.value)} />
        </label>
        <OnlyPerson reader={reader} choose={setReader} />
        <div className="row">
          <Period period={period} choose={setPeriod} />
          <button type="submit" aria-disabled={!isComplete}>
            <Trans>Search</Trans>
          </button>
          <button
            type="button"
            className="second"
            aria-disabled={!isComplete || counting.isPending}
            onClick={() => isComplete && !counting.isPending && counting.mutate()}
          >
            <Trans>Count by day</Trans>
          </button>
        </div>
      </form>
      {counting.error && <Refused error={counting.error} />}
      {counting.data && <Counts counts={counting.data} />}
      {asked && <Found key={JSON.stringify(asked, (_, value) => (typeof value === "bigint" ? String(value) : value))} query={asked} />}
      <h3>
        <Trans>To keep, or to hand on</Trans>
      </h3>
      <p className="quiet">
        <Trans>
          What is found, whole, in three forms, with the receipt of each access, signed by the log: one archive. Unpacked, it is
          checked without Regard (“regard verify”). It is personal data that nobody erases for you.
        </Trans>
      </p>
      <Export query={isComplete ? query : undefined} />
    </section>
  );
}

function OnlyPerson({ reader, choose }: { reader: { id: string; name: string }; choose: (reader: { id: string; name: string }) => void }) {
  const [typed, type] = useState("");
  const { found } = usePeople(typed, { size: 5, enabled: typed.trim() !== "" });
  if (reader.id) {
    return (
      <p className="row">
        <Trans>
          Only what <bdi>{reader.name}</bdi> accessed
        </Trans>
        <button type="button" className="plain" onClick={() => choose({ id: "", name: "" })}>
          <Trans>Everyone</Trans>
        </button>
      </p>
    );
  }
  return (
    <>
      <SearchPeople typed={typed} type={type} />
      {typed.trim() !== "" && (
        <ul className="directory">
          {found.map((person) => (
            <li key={person.id}>
              <button
                type="button"
                className="plain"
                onClick={() => {
                  choose({ id: person.id, name: person.profile?.name ?? "" });
                  type("");
                }}
              >
                <Trans>
                  Only <bdi>{person.profile?.name}</bdi>
                </Trans>
              </button>
              <span className="quiet">{person.profile?.function}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Found({ query }: { query: Query }) {
  const [key] = useState(() => crypto.getRandomValues(new Uint32Array(2)).join());
  const read = useLooks(["audit", key], PAGE, (page) => audit.searchAccesses({ ...query, page }));
  return <Looks read={read} empty={<Trans>Nobody, in that time.</Trans>} />;
}

function Counts({ counts }: { counts: GetStatisticsResponse["counts"] }) {
  const { i18n } = useLingui();
  const [actions, capacities, purposes] = [useActionWords(), useCapacityWords(), usePurposeWords()];
  if (counts.length === 0) {
    return (
      <p>
        <Trans>Nobody, in that time.</Trans>
      </p>
    );
  }
  return (
    <Table
      head={[
        <Trans key="day">Day</Trans>,
        <Trans key="capacity">Capacity</Trans>,
        <Trans key="action">Action</Trans>,
        <Trans key="purpose">Purpose</Trans>,
        <Trans key="accesses">Accesses</Trans>,
        <Trans key="people">People</Trans>,
        <Trans key="groups">Groups</Trans>,
      ]}
      rows={counts.map((one) => [
        one.day ? i18n.date(timestampDate(one.day), { dateStyle: "medium", timeZone: "UTC" }) : "",
        capacities(one.readerKind),
        actions(one.action),
        purposes(one.purpose) || "—",
        i18n.number(one.accesses),
        i18n.number(one.readers),
        i18n.number(one.groups),
      ])}
    />
  );
}

function Table({ head, rows }: { head: ReactNode[]; rows: ReactNode[][] }) {
  return (
    <div className="wide" tabIndex={0}>
      <table className="panel numbers">
        <thead>
          <tr>
            {head.map((cell, place) => (
              <th key={place} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, line) => (
            <tr key={line}>
              {row.map((cell, place) => (
                <td key={place}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Completeness({ why }: { why: Why }) {
  const isComplete = why.purposeReference.trim() !== "";
  const checking = useMutation({ mutationFn: () => audit.checkCompleteness({ ...why }) });
  return (
    <section aria-labelledby="completeness">
      <h2 id="completeness">
        <Trans>Whether anything is missing</Trans>
      </h2>
      <p className="quiet">
        <Trans>Compares what the guards counted as they recorded it with what the ledger and the log hold.</Trans>
      </p>
      <button
        type="button"
        aria-disabled={!isComplete || checking.isPending}
        onClick={() => isComplete && !checking.isPending && checking.mutate()}
      >
        {checking.isPending ? <Trans>Comparing…</Trans> : <Trans>Compare</Trans>}
      </button>
      {checking.error && <Refused error={checking.error} />}
      {checking.data && <Compared answer={checking.data} />}
    </section>
  );
}

function Compared({ answer }: { answer: CheckCompletenessResponse }) {
  const { i18n, t } = useLingui();
  const differs = useDiffers();
  const [from, to] = [answer.provenFrom, answer.provenTo];
  if (!from || !to || timestampDate(to) <= timestampDate(from)) {
    return (
      <p role="status">
        <Trans>Nothing can be compared yet: what is counted is told five minutes later.</Trans>
      </p>
    );
  }
  const moment = (at: Date) => i18n.date(at, { dateStyle: "medium", timeStyle: "short" });
  const isWhole = answer.differences.length === 0 && answer.withheld === 0n;
  return (
    <div role="status">
      <p className={isWhole ? "verdict good" : "verdict bad"}>
        {isWhole ? (
          <Trans>
            ✓ From {moment(timestampDate(from))} to {moment(timestampDate(to))} nothing is missing, added or changed.
          </Trans>
        ) : (
          <Trans>
            ✗ From {moment(timestampDate(from))} to {moment(timestampDate(to))} something differs.
          </Trans>
        )}
      </p>
      <Table
        head={[t`What`, t`How many`]}
        rows={[
          [t`accesses counted as they were recorded`, i18n.number(answer.counted)],
          [t`in the ledger`, i18n.number(answer.inLedger)],
          [t`in the log`, i18n.number(answer.inLog)],
          [t`erased since, as tombstones say`, i18n.number(answer.erased)],
          [t`that nobody counted`, i18n.number(answer.uncounted)],
          [t`groups`, i18n.number(answer.groups)],
          [t`differences that cannot be named here`, i18n.number(answer.withheld)],
        ]}
      />
      {answer.behind && (
        <p>
          <Trans>The ledger or the log is late: what is missing may be on its way.</Trans>
        </p>
      )}
      {answer.differences.length > 0 && (
        <ul className="sentences">
          {answer.differences.map((one, place) => (
            <li key={place}>
              {differs(one.kind)} · <code>{one.groupId}</code>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function useDiffers(): (kind: Kind) => string {
  const { t } = useLingui();
  return (kind) => {
    switch (kind) {
      case Kind.NOT_IN_LEDGER:
        return t`fewer in the ledger than counted`;
      case Kind.NOT_COUNTED:
        return t`more in the ledger than counted`;
      case Kind.NOT_THE_SAME:
        return t`as many, and not the same`;
      case Kind.NOT_IN_LOG:
        return t`in the ledger, and not in the log`;
      case Kind.ONLY_IN_LOG:
        return t`in the log, and not in the ledger`;
      case Kind.NO_PLACE:
        return t`a place that the log does not have`;
      default:
        return t`recorded twice`;
    }
  };
}

function Trail({ why }: { why: Why }) {
  const { t } = useLingui();
  const [id, setId] = useState("");
  const isComplete = why.purposeReference.trim() !== "" && id.trim() !== "";
  // What was asked last: it is asked once, and not again when something is typed.
  const [asked, ask] = useState<Asked & { at: number }>();
  return (
    <section aria-labelledby="trail">
      <h2 id="trail">
        <Trans>All of a break-glass</Trans>
      </h2>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete) ask({ ...why, breakGlassId: id.trim(), at: Date.now() });
        }}
      >
        <label className="search">
          {t`Its identifier, as in the list of those or in a line of the ledger`}
          <input maxLength={36} value={id} onChange={(event) => setId(event.target.value)} />
        </label>
        <button type="submit" aria-disabled={!isComplete}>
          <Trans>Show it</Trans>
        </button>
      </form>
      {asked && <Told key={asked.at} asked={asked} />}
    </section>
  );
}

type Asked = Why & { breakGlassId: string };

function Told({ asked }: { asked: Asked & { at: number } }) {
  const { at, ...request } = asked;
  const how = { size: PAGE, staleTime: Number.POSITIVE_INFINITY };
  const read = usePages(["trail", at], (page) => audit.getBreakGlassTrail({ ...request, page }), how);
  const accesses = (read.data?.pages ?? []).flatMap((page) => page.accesses);
  const names = useNames(accesses.map((entry) => entry.readerId));
  const about = read.data?.pages[0]?.case;
  return (
    <>
      {about && <Case one={about} />}
      <Paged read={read} none={accesses.length === 0 && !read.hasNextPage} empty={<Trans>Nothing was accessed under it.</Trans>}>
        <ul className="looks">
          {accesses.map((entry) => (
            <li key={entry.accessId} className="look privileged">
              <Line entry={entry} name={names(entry.readerId)} />
            </li>
          ))}
        </ul>
      </Paged>
    </>
  );
}
