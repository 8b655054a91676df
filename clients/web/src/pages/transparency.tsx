/** What anybody of the company may check about Regard itself: the public log, its keys and witnesses. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { ledger } from "../api/calls.ts";
import { Acts } from "../parts/acts.tsx";
import { Entries } from "../parts/entries.tsx";
import { Fact } from "../parts/fact.tsx";
import { type Grown, lookAgain } from "../parts/log-memory.ts";
import { Moment } from "../parts/moments.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { trust } from "../parts/trust.ts";
import { formatHash } from "../verify/hashing.ts";
import { shownName } from "../verify/policy.ts";
import { Unverified } from "../verify/reasons.ts";

export function Transparency() {
  const { t } = useLingui();
  useTitle(t`Transparency`);
  const trusted = useQuery({ queryKey: ["trust"], queryFn: () => trust() });
  const policy = trusted.data?.kept;
  const looked = useQuery({
    queryKey: ["log", policy],
    queryFn: () => lookAgain(policy!, undefined),
    enabled: policy !== undefined,
    // A cache on the way may show the log as it was a second ago.
    retry: (failures, error) => failures === 0 && error instanceof Unverified && error.id === "VER-10",
    retryDelay: 2000,
    staleTime: 0,
  });
  return (
    <>
      <h1>
        <Trans>Transparency</Trans>
      </h1>
      <p className="quiet">
        <Trans>
          Every recorded access is an entry of a log that anybody can read and nobody can change unnoticed. It names no one. This
          browser has just asked for it without saying who asks, and verified what came.
        </Trans>
      </p>
      {trusted.error ? (
        <Refused error={trusted.error} retry={() => void trusted.refetch()} />
      ) : looked.error instanceof Unverified ? (
        <NotTheSame error={looked.error} />
      ) : looked.error ? (
        <Refused error={looked.error} retry={() => void looked.refetch()} />
      ) : looked.data ? (
        <TheLog grown={looked.data} again={() => void looked.refetch()} isLooking={looked.isFetching} />
      ) : (
        <Loading />
      )}
      <Entries />
      <NotToldYet />
      <Acts />
      {policy !== undefined && <WhomToTrust policy={policy} served={trusted.data?.served} />}
      <section aria-labelledby="elsewhere">
        <h2 id="elsewhere">
          <Trans>What else there is to see, and what there is not</Trans>
        </h2>
        <ul className="sentences">
          <li>
            <Trans>Break-glass, and who reads because of a role: in each group, under its rules and under who looked.</Trans>
          </li>
          <li>
            <Trans>Who holds which role: on the page of each person.</Trans>
          </li>
          <li>
            <Trans>
              What is not shown here: settings of the servers, which are in files that Regard does not watch.
            </Trans>
          </li>
        </ul>
      </section>
    </>
  );
}

/** How much was read by break-glass of which members are told later: for everybody, and of nobody in particular. */
function NotToldYet() {
  const { i18n } = useLingui();
  const untold = useQuery({ queryKey: ["untold"], queryFn: async () => (await ledger.listSealedCounts({})).months });
  return (
    <section aria-labelledby="untold">
      <h2 id="untold">
        <Trans>What members have not been told of yet</Trans>
      </h2>
      <p className="quiet">
        <Trans>
          Where two people with two roles open a group while an inquiry is under way, its members may be told at a date that is fixed
          beforehand, 90 days ahead at most. How much is read meanwhile is counted here.
        </Trans>
      </p>
      {untold.error && <Refused error={untold.error} retry={() => void untold.refetch()} />}
      {untold.data?.length === 0 && (
        <p>
          <Trans>There is nothing: members have been told of every access.</Trans>
        </p>
      )}
      <ul className="sentences">
        {untold.data?.map((one) => {
          const month = i18n.date(timestampDate(one.month!), { month: "long", year: "numeric", timeZone: "UTC" });
          return (
            <li key={month}>
              <Plural
                value={Number(one.accesses)}
                one={`# access of ${month}, to be told by`}
                other={`# accesses of ${month}, to be told by`}
              />{" "}
              <Moment at={one.toldBy} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function NotTheSame({ error }: { error: Unverified }) {
  const { i18n } = useLingui();
  const language = i18n.locale === "fr" ? "fr" : "en";
  return (
    <div className="refused" role="alert">
      <p>
        <strong>
          {"✗ "}
          {error.sentence(language)}
        </strong>
      </p>
      <p>{error.remedy(language)}</p>
      <p className="quiet">{error.id}</p>
    </div>
  );
}

function TheLog({ grown, again, isLooking }: { grown: Grown; again: () => void; isLooking: boolean }) {
  const { t, i18n } = useLingui();
  const tree = grown.vouched.checkpoint;
  const before = grown.before;
  return (
    <section aria-labelledby="the-log">
      <h2 id="the-log">
        <Trans>The public log, now</Trans>
      </h2>
      <p role="status" className="verdict good">
        {before === undefined ? (
          <Trans>✓ Signed as this browser expects. From now on it keeps in mind what it saw.</Trans>
        ) : (
          <Trans>✓ Signed as this browser expects, and it contains all that this browser saw of it before.</Trans>
        )}
      </p>
      <dl className="facts">
        <Fact name={t`Name`}>{tree.origin}</Fact>
        <Fact name={t`Entries`}>{i18n.number(tree.size)}</Fact>
        {before !== undefined && <Fact name={t`Seen before`}>{i18n.number(before)}</Fact>}
        <Fact name={t`Root`}>
          <code>{formatHash(tree.root)}</code>
        </Fact>
      </dl>
      <h3>
        <Trans>Witnesses who signed that it only grew</Trans>
      </h3>
      {grown.vouched.witnesses.size === 0 ? (
        <p>
          <Trans>
            None is asked for: nobody but the log says that everybody is shown the same one. A works council can run a witness
            (“regard witness”).
          </Trans>
        </p>
      ) : (
        <ul className="sentences">
          {[...grown.vouched.witnesses].map(([name, at]) => (
            <li key={name}>
              {shownName(name)}, <time>{i18n.date(new Date(Number(at) * 1000), { dateStyle: "medium", timeStyle: "medium" })}</time>
            </li>
          ))}
        </ul>
      )}
      <button type="button" className="second" aria-disabled={isLooking} onClick={() => isLooking || again()}>
        <Trans>Look again</Trans>
      </button>
    </section>
  );
}

function WhomToTrust({ policy, served }: { policy: string; served: string | undefined }) {
  return (
    <section aria-labelledby="whom">
      <h2 id="whom">
        <Trans>Whose log this browser trusts</Trans>
      </h2>
      {served !== undefined && (
        <p role="alert">
          <Trans>
            Regard now names other keys or witnesses than these. Open a receipt to see them, and trust them only once somebody else
            has told you of the change.
          </Trans>
        </p>
      )}
      <p className="quiet">
        <Trans>
          Kept in this browser since it first saw them. Compare them with what a witness publishes: this is the one thing that
          Regard could have chosen for you.
        </Trans>
      </p>
      <pre tabIndex={0}>{policy}</pre>
    </section>
  );
}
