/** A break-glass, as those see it whom it is told to: who, why, until when, and what became of it. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { breakGlass } from "../api/calls.ts";
import { type BreakGlassCase, BreakGlassCase_State as State } from "../gen/regard/groups/v1/break_glass_pb.ts";
import { Fact } from "./fact.tsx";
import { Moment } from "./moments.tsx";
import { useNames } from "./names.ts";
import { usePages } from "./pages.tsx";
import { useRoleWords } from "./roles.tsx";
import { usePurposeWords } from "./words.ts";

/** Days for which members are told of a break-glass that is over. */
const NOTICE_DAYS = 30;
const DAY_MS = 86_400_000;

/** Those of a group from their opening on; of all groups for an empty id, for those who hold one of the keys. */
export function useCases(groupId: string) {
  const read = usePages(["break-glass", groupId], (page) => breakGlass.listBreakGlass({ groupId, page }), { size: 50 });
  return { read, cases: (read.data?.pages ?? []).flatMap((page) => page.cases) };
}

/** Says on every page of a group that it is open by break-glass, and for a while that it was. */
export function Notice({ groupId }: { groupId: string }) {
  const { cases } = useCases(groupId);
  const names = useNames(cases.map((one) => one.requestedBy));
  const since = Date.now() - NOTICE_DAYS * DAY_MS;
  const fresh = cases.filter((one) => {
    const told = one.disclosedAt ?? (one.discloseAt ? undefined : one.openedAt);
    return told && (one.state === State.OPEN || timestampMs(told) > since);
  });
  if (fresh.length === 0) return null;
  return (
    <div className="notice" role="note">
      {fresh.map((one) => (
        <p key={one.breakGlassId}>
          {one.state === State.OPEN ? (
            <Trans>
              Opened by break-glass: <bdi>{names(one.requestedBy)}</bdi> reads here until <Moment at={one.endsAt} />.
            </Trans>
          ) : (
            <Trans>
              Was opened by break-glass: <bdi>{names(one.requestedBy)}</bdi> could read here from <Moment at={one.openedAt} /> until{" "}
              <Moment at={one.endedAt ?? one.endsAt} />.
            </Trans>
          )}{" "}
          <Link to="/groups/$groupId/rules" params={{ groupId }} hash="opened">
            <Trans>Who, and why?</Trans>
          </Link>
        </p>
      ))}
    </div>
  );
}

/** `more`: what can be done about it. */
export function Case({ one, more }: { one: BreakGlassCase; more?: ReactNode }) {
  const { t } = useLingui();
  const names = useNames([one.requestedBy, one.approvedBy]);
  const [roles, purposes] = [useRoleWords(), usePurposeWords()];
  return (
    <article className="said case">
      <h3>
        <StateOf state={one.state} />
      </h3>
      <dl className="facts">
        <Fact name={t`Why`}>
          {purposes(one.reason)}, {one.reference}
        </Fact>
        <Fact name={t`Reads`}>
          <bdi>{names(one.requestedBy)}</bdi>, {roles(one.requesterRole)}
        </Fact>
        {one.approvedBy && (
          <Fact name={t`Approved by`}>
            <bdi>{names(one.approvedBy)}</bdi>, {roles(one.approverRole)}
          </Fact>
        )}
        <Fact name={t`Asked for`}>
          <Moment at={one.requestedAt} />
        </Fact>
        {one.openedAt && (
          <Fact name={one.discloseAt ? t`Opened` : t`Seen by members since`}>
            <Moment at={one.openedAt} />
          </Fact>
        )}
        {one.discloseAt && (
          <Fact name={one.disclosedAt ? t`Seen by members since` : t`Members are told`}>
            <Moment at={one.disclosedAt ?? one.discloseAt} />
          </Fact>
        )}
        {one.delayReason && <Fact name={t`Why later`}>{one.delayReason}</Fact>}
        <Fact name={t`Until`}>
          <Moment at={one.endedAt ?? one.endsAt} />
        </Fact>
        <Fact name={t`Of what`}>
          <ScopeOf one={one} />
        </Fact>
        <Fact name={t`Group`}>
          <code>{one.groupId}</code>
        </Fact>
        <Fact name={t`Identifier`}>
          <code>{one.breakGlassId}</code>
        </Fact>
      </dl>
      {more}
    </article>
  );
}

function StateOf({ state }: { state: State }) {
  switch (state) {
    case State.REQUESTED:
      return <Trans>Waits for a second person</Trans>;
    case State.OPEN:
      return <Trans>Open</Trans>;
    case State.REFUSED:
      return <Trans>Was not opened</Trans>;
    default:
      return <Trans>Over</Trans>;
  }
}

function ScopeOf({ one: { scope } }: { one: BreakGlassCase }) {
  if (!scope?.from && !scope?.to && !scope?.objectIds.length) return <Trans>all of the group</Trans>;
  return (
    <>
      {scope.from && (
        <Trans>
          from <Moment at={scope.from} />
        </Trans>
      )}{" "}
      {scope.to && (
        <Trans>
          before <Moment at={scope.to} />
        </Trans>
      )}{" "}
      {scope.objectIds.join(", ")}
    </>
  );
}
