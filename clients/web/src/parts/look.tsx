/** One line of a ledger: the sentence, when, and the way to its receipt. */

import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { LedgerEntry } from "../gen/regard/audit/v1/audit_pb.ts";
import { Moment } from "./moments.tsx";

/** `name`: of the reader. `more`: what else to say of it, such as its group. */
export function Line({ entry, name, more }: { entry: LedgerEntry; name: string; more?: ReactNode }) {
  const { i18n } = useLingui();
  const sentence = i18n.locale === "fr" ? entry.sentence?.fr : entry.sentence?.en;
  const [before, after] = (sentence ?? "").split("{reader}");
  return (
    <>
      <p>
        {before}
        {after !== undefined && (
          <>
            <strong>
              <bdi>{name}</bdi>
            </strong>
            {after}
          </>
        )}
      </p>
      <p className="quiet row">
        {/* The second of an access is known only where its reader is shown by name. */}
        {entry.accessId && <Moment at={entry.at} />}
        {entry.endedAt && (
          <span>
            <Trans>
              until <Moment at={entry.endedAt} />
            </Trans>
          </span>
        )}
        {entry.disclosedAt && (
          <span>
            <Trans>
              told to members <Moment at={entry.disclosedAt} />
            </Trans>
          </span>
        )}
        {entry.accessId && (
          <Link to="/groups/$groupId/looked/$accessId" params={{ groupId: entry.groupId, accessId: entry.accessId }}>
            <Trans>Receipt</Trans>
            <span className="unseen"> {sentence?.replace("{reader}", name)}</span>
          </Link>
        )}
        {more}
      </p>
    </>
  );
}
