/** Who can see a group and why: the value that the guard enforces; then how the rules came to be. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { groups } from "../api/calls.ts";
import { language } from "../app/language.ts";
import { readAgain } from "../app/queries.ts";
import { type CanSee, type RulesVersion, RulesVersion_State } from "../gen/regard/groups/v1/groups_pb.ts";
import { GroupKind, MemberRole } from "../gen/regard/groups/v1/rules_pb.ts";
import { Case, useCases } from "../parts/break-glass.tsx";
import { Moderation } from "../parts/moderation.tsx";
import { Moment } from "../parts/moments.tsx";
import { useNames } from "../parts/names.ts";
import { Paged } from "../parts/pages.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { usePanel } from "../parts/will-read.tsx";
import { useGroup } from "./group.tsx";

const route = getRouteApi("/signed-in/groups/$groupId/rules");

export function RulesPage() {
  const { groupId } = route.useParams();
  const panel = usePanel(groupId);
  const group = useGroup(groupId).data;
  const names = useNames(panel.data?.entries.map((line) => line.personId) ?? []);
  if (panel.isPending) return <Loading />;
  if (panel.error) return <Refused error={panel.error} retry={() => void panel.refetch()} />;
  return (
    <>
      <section aria-labelledby="in-force">
        <h2 id="in-force">
          <Trans>The rules in force</Trans>
        </h2>
        <p className="quiet">
          <Trans>What is shown here is what decides: one and the same value.</Trans>
        </p>
        <ul className="sentences">
          {panel.data.sentences.map((sentence) => (
            <li key={sentence.en}>{sentence[language()]}</li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="who-can-see">
        <h2 id="who-can-see">
          <Trans>Who can see this group now, and why</Trans>
        </h2>
        <table className="panel">
          <thead>
            <tr>
              <th scope="col">
                <Trans>Who</Trans>
              </th>
              <th scope="col">
                <Trans>May</Trans>
              </th>
              <th scope="col">
                <Trans>Why</Trans>
              </th>
            </tr>
          </thead>
          <tbody>
            {panel.data.entries.map((line) => (
              <tr key={`${line.rule}-${line.personId}-${line.capacity}`}>
                <th scope="row">
                  {line.personId ? <bdi>{names(line.personId)}</bdi> : <Capacity capacity={line.capacity} />}
                </th>
                <td>
                  <Rights line={line} />
                </td>
                <td>
                  {line.why?.[language()]}
                  {line.until && (
                    <span className="quiet">
                      {" "}
                      (<Trans>until</Trans> <Moment at={line.until} />)
                    </span>
                  )}
                  {line.contentSince && (
                    <span className="quiet">
                      {" "}
                      (<Trans>what was written from</Trans> <Moment at={line.contentSince} />)
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Opened groupId={groupId} />
      <History groupId={groupId} />
      {group?.kind === GroupKind.WORKING && group.myRole === MemberRole.MODERATOR && <Moderation group={group} />}
    </>
  );
}

/** Each break-glass of this group, from its opening on. */
function Opened({ groupId }: { groupId: string }) {
  const { read, cases } = useCases(groupId);
  return (
    <section aria-labelledby="opened">
      <h2 id="opened">
        <Trans>Break-glass</Trans>
      </h2>
      <Paged read={read} none={cases.length === 0} empty={<Trans>Nobody has ever had this group opened.</Trans>}>
        {cases.map((one) => (
          <Case key={one.breakGlassId} one={one} />
        ))}
      </Paged>
    </section>
  );
}

function Capacity({ capacity }: { capacity: string }) {
  switch (capacity) {
    case "auditor":
      return <Trans>Anyone of the audit</Trans>;
    case "data_protection_officer":
      return <Trans>The data protection officer</Trans>;
    case "administrator":
      return <Trans>Whoever administers the platform</Trans>;
    case "colleague":
      return <Trans>Anyone of the company</Trans>;
    case "operator":
      return <Trans>Whoever operates the servers</Trans>;
    case "break_glass":
      return <Trans>Two people of different roles, together</Trans>;
    default:
      return capacity;
  }
}

function Rights({ line }: { line: CanSee }) {
  const { t } = useLingui();
  const rights = [
    line.readsContent && t`reads`,
    line.writes && t`writes`,
    line.manages && t`manages`,
    line.readsLedger && t`reads who looked`,
    line.recorded && t`each access is recorded`,
  ];
  return rights.filter(Boolean).join(" · ");
}

function History({ groupId }: { groupId: string }) {
  const history = useQuery({
    queryKey: ["rules", groupId],
    queryFn: async () => (await groups.listRules({ groupId })).versions,
  });
  const names = useNames(history.data?.map((version) => version.proposedBy) ?? []);
  if (history.isPending) return <Loading />;
  return (
    <section aria-labelledby="history">
      <h2 id="history">
        <Trans>How the rules came to be</Trans>
      </h2>
      {history.error && <Refused error={history.error} retry={() => void history.refetch()} />}
      <ol className="versions">
        {history.data?.map((version) => (
          <li key={version.version}>
            <Version groupId={groupId} version={version} by={names(version.proposedBy)} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Version({ groupId, version, by }: { groupId: string; version: RulesVersion; by: string }) {
  const number = version.version;
  return (
    <>
      <h3>
        <Trans>Version {number}</Trans> · <State state={version.state} />
      </h3>
      <p className="quiet">
        <Trans>
          Proposed by <bdi>{by}</bdi>
        </Trans>{" "}
        · <Moment at={version.proposedAt} />
      </p>
      {version.changes.length > 0 ? (
        <ul className="sentences">
          {version.changes.map((change) => (
            <li key={change.en}>{change[language()]}</li>
          ))}
        </ul>
      ) : (
        <p>
          <Trans>The first rules of the group.</Trans>
        </p>
      )}
      {version.state === RulesVersion_State.PROPOSED && <Vote groupId={groupId} version={version} />}
    </>
  );
}

function State({ state }: { state: RulesVersion_State }) {
  switch (state) {
    case RulesVersion_State.PROPOSED:
      return <Trans>the vote is open</Trans>;
    case RulesVersion_State.ADOPTED:
      return <Trans>adopted</Trans>;
    case RulesVersion_State.REJECTED:
      return <Trans>not adopted</Trans>;
    default:
      return null;
  }
}

/** Changing rules in a way that needs consent is for the members to decide. */
function Vote({ groupId, version }: { groupId: string; version: RulesVersion }) {
  const voting = useMutation({
    mutationFn: (agrees: boolean) => groups.voteOnRules({ groupId, version: version.version, agrees }),
    onSuccess: async () => {
      await readAgain(["rules", groupId], ["panel", groupId], ["group", groupId]);
    },
  });
  const { agreed, needed } = version;
  return (
    <div>
      <p>
        <Trans>
          {agreed} of the {needed} members who must agree have agreed.
        </Trans>
      </p>
      <div className="row">
        <button type="button" aria-disabled={voting.isPending} onClick={() => voting.mutate(true)}>
          <Trans>I agree</Trans>
        </button>
        <button type="button" className="plain" aria-disabled={voting.isPending} onClick={() => voting.mutate(false)}>
          <Trans>I do not agree</Trans>
        </button>
      </div>
      {voting.error && <Refused error={voting.error} />}
    </div>
  );
}
