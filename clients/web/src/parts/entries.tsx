/** What the entries of the public log are, as the service counts them once a day. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { ledger } from "../api/calls.ts";
import { Fact } from "./fact.tsx";
import { Moment } from "./moments.tsx";
import { Loading, Refused } from "./states.tsx";

export function Entries() {
  const { t, i18n } = useLingui();
  const counting = useQuery({ queryKey: ["entries"], queryFn: () => ledger.countEntries({}) });
  const counted = counting.data;
  return (
    <section aria-labelledby="entries">
      <h2 id="entries">
        <Trans>What its entries are</Trans>
      </h2>
      <p className="quiet">
        <Trans>
          Counted once a day, at midnight UTC, so that the counts do not tell who is at work. Whoever has what opens the entries,
          as an auditor does, comes to the same (“regard monitor”): an entry that nobody can explain would show there.
        </Trans>
      </p>
      {counting.isPending && <Loading />}
      {counting.error && <Refused error={counting.error} retry={() => void counting.refetch()} />}
      {counted?.entries === 0n && (
        <p>
          <Trans>The log has begun since: the first count comes at midnight UTC.</Trans>
        </p>
      )}
      {counted && counted.entries > 0n && (
        <>
          <dl className="facts">
            <Fact name={t`Entries until then`}>{i18n.number(counted.entries)}</Fact>
            <Fact name={t`that open, to those concerned or to an auditor`}>{i18n.number(counted.open)}</Fact>
            <Fact name={t`that stand for nothing, so that its growth tells nothing`}>{i18n.number(counted.chaff)}</Fact>
            <Fact name={t`of which members are told later`}>{i18n.number(counted.sealed)}</Fact>
            <Fact name={t`erased, as tombstones say`}>{i18n.number(counted.erased)}</Fact>
          </dl>
          <p className="quiet">
            <Trans>
              Until <Moment at={counted.before} />.
            </Trans>
          </p>
        </>
      )}
      {counted && counted.ledgerReadings > 0n && (
        <p>
          <Plural
            value={Number(counted.ledgerReadings)}
            one="In the 30 days before, people looked up # time who had looked at what is in a group of theirs."
            other="In the 30 days before, people looked up # times who had looked at what is in a group of theirs."
          />
        </p>
      )}
    </section>
  );
}
