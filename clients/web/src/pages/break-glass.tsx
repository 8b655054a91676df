/** Break-glass, for those who hold one of the keys: asking, approving what somebody else asked for, and ending it. */

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { breakGlass } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Purpose } from "../gen/regard/common/v1/common_pb.ts";
import { type BreakGlassCase, BreakGlassCase_State as State } from "../gen/regard/groups/v1/break_glass_pb.ts";
import { Act } from "../parts/act.tsx";
import { Case, useCases } from "../parts/break-glass.tsx";
import { ForRoles } from "../parts/for-roles.tsx";
import { Moment } from "../parts/moments.tsx";
import { Paged } from "../parts/pages.tsx";
import { KEYS } from "../parts/roles.tsx";
import { Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { usePurposeWords } from "../parts/words.ts";
import { useMe } from "./frame.tsx";

/** Reasons for which a group may be opened. */
const REASONS = [Purpose.SECURITY_INCIDENT, Purpose.LEGAL_OBLIGATION, Purpose.HARASSMENT_COMPLAINT];
/** Days that it can stay open, at most. */
const MOST_DAYS = 7;
/** Days after which members are told, at most. */
const LATEST_DAYS = 90;
const DAY_MS = 86_400_000;

/** The day in so many days, as a date field has it. */
function dayIn(days: number): string {
  const day = new Date(Date.now() + days * DAY_MS);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function again(): Promise<void> {
  return readAgain(["break-glass"]);
}

export function BreakGlass() {
  const { t } = useLingui();
  useTitle(t`Break-glass`);
  return (
    <ForRoles roles={KEYS} title={<Trans>Break-glass</Trans>}>
      <p className="will-read">
        <Trans>
          Two people with two of these roles open a group to the one of them who asked. Its members see who, why, and everything
          that is read: from then on, or from a date that is fixed beforehand.
        </Trans>
      </p>
      <Request />
      <All />
    </ForRoles>
  );
}

function All() {
  const { read, cases } = useCases("");
  return (
    <section aria-labelledby="cases">
      <h2 id="cases">
        <Trans>Those that there are</Trans>
      </h2>
      <Paged read={read} none={cases.length === 0} empty={<Trans>There has never been one.</Trans>}>
        {cases.map((one) => (
          <Case key={one.breakGlassId} one={one} more={<Todo one={one} />} />
        ))}
      </Paged>
    </section>
  );
}

function Todo({ one: { breakGlassId, state, requestedBy, discloseAt } }: { one: BreakGlassCase }) {
  const me = useMe();
  if (state === State.OPEN) {
    return (
      <Act act={() => breakGlass.endBreakGlass({ breakGlassId })} done={again} className="second">
        <Trans>End it now</Trans>
      </Act>
    );
  }
  if (state !== State.REQUESTED) return null;
  const isMine = requestedBy === me?.id;
  return (
    <p className="row">
      {!isMine && (
        <Act
          act={() => breakGlass.approveBreakGlass({ breakGlassId, ...(discloseAt && { discloseAt }) })}
          done={again}
          className=""
          sure={
            discloseAt ? (
              <Trans>
                Open this group to them? Its members are told that you did: <Moment at={discloseAt} />.
              </Trans>
            ) : (
              <Trans>Open this group to them? Its members see at once that you did.</Trans>
            )
          }
        >
          <Trans>Approve</Trans>
        </Act>
      )}
      <Act act={() => breakGlass.refuseBreakGlass({ breakGlassId })} done={again} className="second">
        {isMine ? <Trans>Take it back</Trans> : <Trans>Refuse</Trans>}
      </Act>
    </p>
  );
}

function Request() {
  const words = usePurposeWords();
  const [groupId, setGroup] = useState("");
  const [reason, choose] = useState(Purpose.SECURITY_INCIDENT);
  const [reference, setReference] = useState("");
  const [days, setDays] = useState(1);
  const [isLater, tellLater] = useState(false);
  const [told, setTold] = useState("");
  const [because, setBecause] = useState("");
  const isComplete = groupId.trim() && reference.trim() && (!isLater || (told && because.trim()));
  const asking = useMutation({
    mutationFn: () => {
      const endsAt = timestampFromDate(new Date(Date.now() + days * DAY_MS));
      const asked = { groupId: groupId.trim(), reason, reference: reference.trim(), endsAt };
      if (!isLater) return breakGlass.requestBreakGlass(asked);
      const discloseAt = timestampFromDate(new Date(`${told}T00:00`));
      return breakGlass.requestBreakGlass({ ...asked, discloseAt, delayReason: because.trim() });
    },
    onSuccess: () => {
      setReference("");
      setBecause("");
      return again();
    },
  });
  return (
    <section aria-labelledby="ask">
      <h2 id="ask">
        <Trans>Ask for one</Trans>
      </h2>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete && !asking.isPending) asking.mutate();
        }}
      >
        <label>
          <Trans>Identifier of the group, as who reported it has it</Trans>
          <input required maxLength={36} value={groupId} onChange={(event) => setGroup(event.target.value)} />
        </label>
        <label>
          <Trans>Reason</Trans>
          <select value={reason} onChange={(event) => choose(Number(event.target.value))}>
            {REASONS.map((one) => (
              <option key={one} value={one}>
                {words(one)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <Trans>Reference of the reason, which members read</Trans>
          <input required maxLength={100} value={reference} onChange={(event) => setReference(event.target.value)} />
        </label>
        <label>
          <Trans>For how many days, {MOST_DAYS} at most</Trans>
          <input
            type="number"
            min={1}
            max={MOST_DAYS}
            value={days}
            onChange={(event) => setDays(Math.min(MOST_DAYS, Math.max(1, Number(event.target.value))))}
          />
        </label>
        <label className="row">
          <input type="checkbox" checked={isLater} onChange={(event) => tellLater(event.target.checked)} />
          <Trans>Its members are told later, as the law or an inquiry requires</Trans>
        </label>
        {isLater && (
          <>
            <label>
              <Trans>Day on which they are told, {LATEST_DAYS} days ahead at most; nobody can change it</Trans>
              <input
                type="date"
                required
                min={dayIn(days + 1)}
                max={dayIn(LATEST_DAYS - 1)}
                value={told}
                onChange={(event) => setTold(event.target.value)}
              />
            </label>
            <label>
              <Trans>Why later, which they read on that day</Trans>
              <input required maxLength={200} value={because} onChange={(event) => setBecause(event.target.value)} />
            </label>
            <p className="quiet">
              <Trans>
                Until then content is read by the command “regard --break-glass”, and how much was read is counted for everybody under
                Transparency.
              </Trans>
            </p>
          </>
        )}
        {asking.error && <Refused error={asking.error} />}
        {asking.isSuccess && (
          <p role="status">
            <Trans>Asked. Nothing opens until somebody with another of these roles approves.</Trans>
          </p>
        )}
        <button type="submit" aria-disabled={asking.isPending || !isComplete}>
          <Trans>Ask</Trans>
        </button>
      </form>
    </section>
  );
}
