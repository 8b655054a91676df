/** The receipt of one access, verified in this browser, step by step. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { ledger } from "../api/calls.ts";
import { queries } from "../app/queries.ts";
import type { LedgerEntry } from "../gen/regard/audit/v1/audit_pb.ts";
import { keyOf, ledgerKey, type Ledger } from "../parts/accesses.ts";
import { Fact } from "../parts/fact.tsx";
import { lookAgain } from "../parts/log-memory.ts";
import { Moment } from "../parts/moments.tsx";
import { useNames } from "../parts/names.ts";
import { type Examined, examine, type Finding } from "../parts/receipt-check.ts";
import { Loading, Refused } from "../parts/states.tsx";
import { type Trust, trust, trustInstead } from "../parts/trust.ts";
import type { Checkpoint } from "../verify/checkpoint.ts";
import { shownName } from "../verify/policy.ts";
import { Unverified } from "../verify/reasons.ts";

const route = getRouteApi("/signed-in/groups/$groupId/looked/$accessId");

export function ReceiptPage() {
  const { groupId, accessId } = route.useParams();
  const receipt = useQuery({
    queryKey: ["receipt", groupId, accessId],
    queryFn: async () => (await ledger.getReceipt({ groupId, accessId })).receipt,
    // Asking is recorded, and a receipt stays good: it is asked for once.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const trusted = useQuery({ queryKey: ["trust"], queryFn: () => trust() });
  return (
    <>
      <p>
        <Link to="/groups/$groupId/looked" params={{ groupId }}>
          <Trans>Back to who looked</Trans>
        </Link>
      </p>
      <h2>
        <Trans>Receipt of an access</Trans>
      </h2>
      <p className="quiet">
        <Trans>
          A receipt proves to anybody, now or in ten years, that this access is in the public log. Your browser verifies it: no
          step below rests on Regard’s word. Asking for it is recorded too.
        </Trans>
      </p>
      {receipt.error ? (
        <Refused error={receipt.error} retry={() => void receipt.refetch()} />
      ) : trusted.error ? (
        <Refused error={trusted.error} retry={() => void trusted.refetch()} />
      ) : receipt.data && trusted.data ? (
        <>
          <Verification receipt={receipt.data} policy={trusted.data.kept} groupId={groupId} accessId={accessId} />
          <Trusted trust={trusted.data} changed={() => void trusted.refetch()} />
        </>
      ) : (
        <Loading />
      )}
    </>
  );
}

type Shown = { receipt: Uint8Array; policy: string; groupId: string; accessId: string };

function Verification({ receipt, policy, groupId, accessId }: Shown) {
  const line = lineOf(groupId, accessId);
  const examined = useMemo(
    () => examine(receipt, policy, { groupId, accessId, line }),
    [receipt, policy, groupId, accessId, line],
  );
  const witnessed = Boolean(examined.verified?.vouched.witnesses.size);
  const looked = useLookAgain(policy, examined.verified?.vouched.checkpoint);
  const good = !examined.refused && !examined.other;
  const changed = looked.error instanceof Unverified;
  return (
    <>
      <p role="status" className={good && !changed ? "verdict good" : "verdict bad"}>
        {good && changed ? (
          <Trans>✗ This receipt is good, and the log is not what it was. Keep the receipt, and report it.</Trans>
        ) : good ? (
          <Trans>✓ This receipt is good: every step below was verified in this browser.</Trans>
        ) : (
          <Trans>✗ This receipt does not prove what is shown. Keep it, and report it.</Trans>
        )}
      </p>
      <ol className="steps">
        {examined.steps.map((step) => (
          <li key={step.id} className={step.id === "witnessed" && !witnessed ? "open" : ""}>
            <Step step={step} witnessed={witnessed} />
          </li>
        ))}
        <Failure examined={examined} />
        {examined.verified && <SameForEveryone looked={looked} />}
      </ol>
      <Proven examined={examined} />
      <Keep receipt={receipt} name={`${accessId}.tlog-proof`} />
    </>
  );
}

function Step({ step, witnessed }: { step: Finding; witnessed: boolean }) {
  const { i18n } = useLingui();
  return (
    <>
      <strong>
        {step.id === "witnessed" && !witnessed ? "○ " : "✓ "}
        <Title id={step.id} witnessed={witnessed} />
      </strong>
      <p className="quiet">{i18n.locale === "fr" ? step.fr : step.en}</p>
    </>
  );
}

function Title({ id, witnessed }: { id: Finding["id"]; witnessed: boolean }) {
  switch (id) {
    case "read":
      return <Trans>It is a receipt</Trans>;
    case "entry":
      return <Trans>Its record makes its entry</Trans>;
    case "signed":
      return <Trans>The log has signed</Trans>;
    case "witnessed":
      return witnessed ? <Trans>Witnesses saw the same log</Trans> : <Trans>No witness is asked for</Trans>;
    case "included":
      return <Trans>It is in the log</Trans>;
    case "asked":
      return <Trans>It is the access you asked for</Trans>;
    case "line":
      return <Trans>The ledger says the same</Trans>;
  }
}

function useLookAgain(policy: string, tree: Checkpoint | undefined) {
  return useQuery({
    queryKey: ["log", policy, tree?.origin, String(tree?.size)],
    queryFn: () => lookAgain(policy, tree!),
    enabled: tree !== undefined,
    // A cache on the way may show the log as it was a second ago.
    retry: (failures, error) => failures === 0 && error instanceof Unverified && error.id === "VER-10",
    retryDelay: 2000,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** That the log which this receipt is in is the one that everybody is shown, and that it forgets nothing. */
function SameForEveryone({ looked }: { looked: ReturnType<typeof useLookAgain> }) {
  const { i18n } = useLingui();
  if (looked.data) {
    const [now, before] = [String(looked.data.now), String(looked.data.before)];
    return (
      <li>
        <strong>
          {"✓ "}
          <Trans>The same log for everyone</Trans>
        </strong>
        <p className="quiet">
          <Trans>
            The log that everybody is shown, which was asked for without saying who asks, has {now} entries, and contains
            this receipt’s tree.
          </Trans>{" "}
          {looked.data.before === undefined ? (
            <Trans>This browser keeps it in mind: what it shows next time must contain it.</Trans>
          ) : (
            <Trans>It contains the {before} that this browser saw last time, unchanged.</Trans>
          )}
        </p>
      </li>
    );
  }
  if (looked.error instanceof Unverified) {
    const language = i18n.locale === "fr" ? "fr" : "en";
    return (
      <li className="failed" role="alert">
        <strong>
          {"✗ "}
          {looked.error.sentence(language)}
        </strong>
        <p>{looked.error.remedy(language)}</p>
        <p className="quiet">{looked.error.id}</p>
      </li>
    );
  }
  return (
    <li className="open">
      <strong>
        {"○ "}
        <Trans>The same log for everyone</Trans>
      </strong>
      <p className="quiet">
        {looked.isPending ? (
          <Trans>Comparing with the log that everybody is shown…</Trans>
        ) : (
          <Trans>The public log can’t be reached now, so that it was not compared. The receipt is good all the same.</Trans>
        )}
      </p>
    </li>
  );
}

function Failure({ examined: { refused, other } }: { examined: Examined }) {
  const { i18n } = useLingui();
  const language = i18n.locale === "fr" ? "fr" : "en";
  if (!refused && !other) return null;
  return (
    <li className="failed" role="alert">
      <strong>
        {"✗ "}
        {refused?.sentence(language)}
        {other === "asked" && <Trans>It is the receipt of something else than what you asked for.</Trans>}
        {other === "line" && <Trans>The ledger shows something else than what the record says.</Trans>}
      </strong>
      <p>
        {refused?.remedy(language)}
        {other && <Trans>Keep the receipt, and show it to your works council: the page may have been tampered with.</Trans>}
      </p>
      {refused && <p className="quiet">{refused.id}</p>}
    </li>
  );
}

/** What is proven: the access as its record says it, and the record itself. */
function Proven({ examined: { verified, access } }: { examined: Examined }) {
  const { t } = useLingui();
  const names = useNames(access ? [access.readerId] : []);
  if (!verified) return null;
  const seen = [...verified.vouched.witnesses.keys()].map(shownName).join(", ");
  const { size } = verified.vouched.checkpoint;
  return (
    <section>
      <h3>
        <Trans>What is proven</Trans>
      </h3>
      <dl className="facts">
        {access && <Fact name={t`Who looked`}>{names(access.readerId)}</Fact>}
        {access && (
          <Fact name={t`When`}>
            <Moment at={access.at} />
          </Fact>
        )}
        {access?.client && <Fact name={t`With`}>{access.client}</Fact>}
        <Fact name={t`Entry of the log`}>
          <Trans>
            {String(verified.index)} of {String(size)}
          </Trans>
        </Fact>
        <Fact name={t`Witnesses`}>{seen || t`none is asked for`}</Fact>
      </dl>
      <details>
        <summary>
          <Trans>The record, word for word</Trans>
        </summary>
        <pre tabIndex={0}>{JSON.stringify(verified.record, null, 2)}</pre>
      </details>
    </section>
  );
}

/** The file, to keep. */
function Keep({ receipt, name }: { receipt: Uint8Array; name: string }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([receipt.slice()]));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [receipt]);
  return (
    <p>
      <a href={address || undefined} download={name}>
        <Trans>Keep the receipt</Trans>
      </a>{" "}
      <span className="quiet">
        <Trans>
          It stays good without Regard: “regard verify” says the same of it.
        </Trans>
      </span>
    </p>
  );
}

/** Whose log this browser trusts, and what to do when another one is served. */
function Trusted({ trust: { kept, served }, changed }: { trust: Trust; changed: () => void }) {
  return (
    <section>
      {served !== undefined && (
        <div className="refused" role="alert">
          <p>
            <strong>
              <Trans>Regard now names other keys or witnesses than those that this browser trusts.</Trans>
            </strong>
          </p>
          <p>
            <Trans>
              Trust them once a witness, or whoever runs Regard, has told you of the change in another way. Until then
              receipts are verified with those you trusted first.
            </Trans>
          </p>
          <pre tabIndex={0}>{served}</pre>
          <button
            type="button"
            onClick={() => {
              trustInstead(served);
              changed();
            }}
          >
            <Trans>Trust these from now on</Trans>
          </button>
        </div>
      )}
      <details>
        <summary>
          <Trans>Whose log this browser trusts</Trans>
        </summary>
        <p className="quiet">
          <Trans>
            Kept in this browser since it first saw them. Compare them with what a witness publishes: this is the one thing
            that Regard could have chosen for you.
          </Trans>
        </p>
        <pre tabIndex={0}>{kept}</pre>
      </details>
    </section>
  );
}

/** The ledger's line of the access, if this browser has been shown it. */
function lineOf(groupId: string, accessId: string): LedgerEntry | undefined {
  const lists = queries.getQueriesData<Ledger>({ queryKey: ledgerKey(groupId) });
  const entries = lists.flatMap(([, read]) => read?.pages.flatMap((page) => page.entries) ?? []);
  return entries.find((entry) => keyOf(entry) === accessId);
}
