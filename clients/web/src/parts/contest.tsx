/** Contesting an access: the question from its line, where it stands, the answers, and answering with a role. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ledger } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { type Contest, ContestState, type LedgerEntry } from "../gen/regard/audit/v1/audit_pb.ts";
import { ContestOutcome, ContestReason } from "../gen/regard/audit/v1/events_pb.ts";
import { Role } from "../gen/regard/common/v1/options_pb.ts";
import { useMe } from "../pages/frame.tsx";
import { ledgerKey } from "./accesses.ts";
import { Moment } from "./moments.tsx";
import { useNames } from "./names.ts";
import { Refused } from "./states.tsx";

/** Who may answer a contest. */
const ANSWER = [Role.AUDITOR, Role.DATA_PROTECTION_OFFICER];

async function changed(groupId: string): Promise<void> {
  await readAgain(["contests", groupId], ledgerKey(groupId));
}

/** For a line: "I do not recognise this", or where its contest stands. */
export function ContestThis({ entry }: { entry: LedgerEntry }) {
  const { t } = useLingui();
  const me = useMe();
  const [isAsking, ask] = useState(false);
  const [reason, choose] = useState(ContestReason.NOT_RECOGNISED);
  const { groupId, accessId } = entry;
  const contesting = useMutation({
    mutationFn: () => ledger.contestAccess({ groupId, accessId, reason }),
    onSuccess: () => {
      ask(false);
      return changed(groupId);
    },
  });
  if (entry.contest !== ContestState.UNSPECIFIED) {
    return (
      <a href="#contests">
        <StateOf state={entry.contest} />
      </a>
    );
  }
  if (!entry.readerId || entry.readerId === me?.id) return null;
  if (!isAsking) {
    return (
      <button type="button" className="plain" onClick={() => ask(true)}>
        <Trans>I don’t recognise this</Trans>
      </button>
    );
  }
  return (
    <span className="sure" role="group" aria-label={t`Contest this access`}>
      <label>
        <Trans>What is wrong</Trans>{" "}
        <select value={reason} onChange={(event) => choose(Number(event.target.value))}>
          <option value={ContestReason.NOT_RECOGNISED}>{t`I don’t know who looked, or why`}</option>
          <option value={ContestReason.UNJUSTIFIED}>{t`the purpose given is no good reason`}</option>
          <option value={ContestReason.TOO_MUCH}>{t`more was looked at than the purpose asks for`}</option>
        </select>
      </label>
      <button type="button" aria-disabled={contesting.isPending} onClick={() => contesting.isPending || contesting.mutate()}>
        <Trans>Contest it</Trans>
      </button>
      <button type="button" className="second" onClick={() => ask(false)}>
        <Trans>No</Trans>
      </button>
      <span className="quiet">
        <Trans>It is to be answered within 30 days, for every member to read. Nobody is told that it was you.</Trans>
      </span>
      {contesting.error && <Refused error={contesting.error} />}
    </span>
  );
}

function StateOf({ state }: { state: ContestState }) {
  switch (state) {
    case ContestState.OPEN:
      return <Trans>contested, waits for an answer</Trans>;
    case ContestState.OVERDUE:
      return <Trans>contested, the answer is overdue</Trans>;
    case ContestState.SETTLED:
      return <Trans>contested, and answered</Trans>;
    default:
      return null;
  }
}

/** The contests of a group with their answers; those who hold the role answer here. */
export function Contests({ groupId }: { groupId: string }) {
  const asked = useQuery({
    queryKey: ["contests", groupId],
    queryFn: async () => (await ledger.listContests({ groupId })).contests,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const names = useNames(asked.data?.map((contest) => contest.settledBy) ?? []);
  if (asked.error) return <Refused error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data?.length) return null;
  return (
    <section aria-labelledby="contests">
      <h2 id="contests">
        <Trans>Contested accesses</Trans>
      </h2>
      <ul className="looks">
        {asked.data.map((contest) => (
          <li key={contest.accessId} className="look privileged">
            <One groupId={groupId} contest={contest} by={names(contest.settledBy)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function One({ groupId, contest, by }: { groupId: string; contest: Contest; by: string }) {
  const me = useMe();
  const mayAnswer = me?.roles.some((role) => ANSWER.includes(role));
  return (
    <>
      <p>
        <strong>
          <ReasonOf reason={contest.reason} />
        </strong>
        {contest.mine && (
          <>
            {" "}
            (<Trans>by me</Trans>)
          </>
        )}
      </p>
      <p className="quiet row">
        <Moment at={contest.contestedAt} />
        {contest.state !== ContestState.SETTLED && (
          <span>
            <StateOf state={contest.state} />,{" "}
            <Trans>
              due by <Moment at={contest.dueAt} />
            </Trans>
          </span>
        )}
      </p>
      {contest.state === ContestState.SETTLED && (
        <>
          <p>
            {contest.outcome === ContestOutcome.IN_ORDER ? (
              <Trans>The access was in order:</Trans>
            ) : (
              <Trans>The access should not have been made:</Trans>
            )}{" "}
            <bdi className="text">{contest.answer}</bdi>
          </p>
          <p className="quiet">
            <bdi>{by}</bdi>, <Moment at={contest.settledAt} />
          </p>
        </>
      )}
      {contest.state !== ContestState.SETTLED && mayAnswer && <Answer groupId={groupId} contest={contest} />}
    </>
  );
}

function ReasonOf({ reason }: { reason: ContestReason }) {
  switch (reason) {
    case ContestReason.NOT_RECOGNISED:
      return <Trans>Somebody does not know who looked, or why.</Trans>;
    case ContestReason.UNJUSTIFIED:
      return <Trans>Somebody finds that the purpose given is no good reason.</Trans>;
    case ContestReason.TOO_MUCH:
      return <Trans>Somebody finds that more was looked at than the purpose asks for.</Trans>;
    default:
      return null;
  }
}

function Answer({ groupId, contest }: { groupId: string; contest: Contest }) {
  const { t } = useLingui();
  const [answer, setAnswer] = useState("");
  const [outcome, choose] = useState(ContestOutcome.IN_ORDER);
  const settling = useMutation({
    mutationFn: () => ledger.settleContest({ groupId, accessId: contest.accessId, outcome, answer: answer.trim() }),
    onSuccess: () => changed(groupId),
  });
  return (
    <form
      className="stacked"
      onSubmit={(event) => {
        event.preventDefault();
        if (answer.trim() && !settling.isPending) settling.mutate();
      }}
    >
      <label>
        <Trans>What came of it</Trans>
        <select value={outcome} onChange={(event) => choose(Number(event.target.value))}>
          <option value={ContestOutcome.IN_ORDER}>{t`the access was in order`}</option>
          <option value={ContestOutcome.NOT_IN_ORDER}>{t`the access should not have been made`}</option>
        </select>
      </label>
      <label>
        <Trans>The answer, which every member can read</Trans>
        <textarea rows={3} maxLength={1000} required value={answer} onChange={(event) => setAnswer(event.target.value)} />
      </label>
      {settling.error && <Refused error={settling.error} />}
      <button type="submit" aria-disabled={settling.isPending || !answer.trim()}>
        <Trans>Answer</Trans>
      </button>
    </form>
  );
}
