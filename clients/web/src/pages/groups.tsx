/** Groups beyond one's own: invitations that wait, groups to be found, and a new one. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { groups } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Level } from "../gen/regard/common/v1/common_pb.ts";
import { JoinPolicy } from "../gen/regard/groups/v1/rules_pb.ts";
import { Act } from "../parts/act.tsx";
import { LevelMark } from "../parts/level.tsx";
import { NameAndPurpose } from "../parts/naming.tsx";
import { Moment } from "../parts/moments.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useInvitations } from "./frame.tsx";

/** How a group may be joined without having been invited. */
const ASKABLE = [JoinPolicy.ANYONE, JoinPolicy.ON_REQUEST];

async function changed(): Promise<void> {
  await readAgain(["invitations"], ["my-groups"], ["discoverable"]);
}

export function Groups() {
  const { t } = useLingui();
  useTitle(t`Groups`);
  return (
    <>
      <h1>
        <Trans>Groups</Trans>
      </h1>
      <Invitations />
      <Discoverable />
      <Found />
    </>
  );
}

function Invitations() {
  const waiting = useInvitations();
  const names = useNames(waiting.data?.map((one) => one.invitedBy) ?? []);
  if (waiting.error) return <Refused error={waiting.error} retry={() => void waiting.refetch()} />;
  if (!waiting.data?.length) return null;
  return (
    <section aria-labelledby="invitations">
      <h2 id="invitations">
        <Trans>You are invited</Trans>
      </h2>
      <ul className="directory">
        {waiting.data.map(({ groupId, groupName, invitedBy, invitedAt }) => (
          <li key={groupId}>
            <strong>
              <bdi>{groupName}</bdi>
            </strong>
            <span className="quiet">
              <Trans>
                by <bdi>{names(invitedBy)}</bdi>
              </Trans>
              , <Moment at={invitedAt} />
            </span>
            <span className="row">
              <Act of={groupName} act={() => groups.acceptInvitation({ groupId })} done={changed} className="">
                <Trans>Join</Trans>
              </Act>
              <Act of={groupName} act={() => groups.declineInvitation({ groupId })} done={changed}>
                <Trans>Decline</Trans>
              </Act>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Discoverable() {
  const [asked, setAsked] = useState<string[]>([]);
  const read = usePages(["discoverable"], (page) => groups.listDiscoverableGroups({ page }), { size: 50 });
  const found = (read.data?.pages ?? []).flatMap((page) => page.groups);
  return (
    <section aria-labelledby="to-find">
      <h2 id="to-find">
        <Trans>Groups that you can find</Trans>
      </h2>
      <p className="quiet">
        <Trans>Confidential groups are never among them: who belongs invites you.</Trans>
      </p>
      <Paged read={read} none={found.length === 0} empty={<Trans>There is none that you do not belong to.</Trans>}>
        <ul className="directory">
          {found.map((group) => (
            <li key={group.id}>
              <strong>
                <bdi>{group.name}</bdi>
              </strong>
              <LevelMark level={group.rules?.level} />
              <span className="quiet">{group.purpose}</span>
              {!ASKABLE.includes(group.rules?.join ?? JoinPolicy.UNSPECIFIED) ? (
                <span className="quiet">
                  <Trans>by invitation only</Trans>
                </span>
              ) : asked.includes(group.id) ? (
                <span role="status">
                  <Trans>You have asked; somebody who moderates it answers.</Trans>
                </span>
              ) : (
                <Act
                  of={group.name}
                  act={async () => {
                    const { joined } = await groups.joinGroup({ groupId: group.id });
                    if (!joined) setAsked((before) => [...before, group.id]);
                  }}
                  done={changed}
                >
                  <Trans>Join</Trans>
                </Act>
              )}
            </li>
          ))}
        </ul>
      </Paged>
    </section>
  );
}

/** A new group. What is not asked here is as careful as it can be, and can be changed on its page of rules. */
function Found() {
  const { t } = useLingui();
  const router = useRouter();
  const [name, setName] = useState("");
  const [purpose, setPurpose] = useState("");
  const [level, choose] = useState(Level.CONFIDENTIAL);
  const founding = useMutation({
    mutationFn: () => groups.createGroup({ name: name.trim(), purpose: purpose.trim(), rules: { level } }),
    onSuccess: async ({ group }) => {
      await changed();
      if (group) await router.navigate({ to: "/groups/$groupId/people", params: { groupId: group.id } });
    },
  });
  return (
    <section aria-labelledby="found">
      <h2 id="found">
        <Trans>Found a group</Trans>
      </h2>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && !founding.isPending) founding.mutate();
        }}
      >
        <NameAndPurpose name={name} setName={setName} purpose={purpose} setPurpose={setPurpose} />
        <label>
          <Trans>How closely it is kept</Trans>
          <select value={level} onChange={(event) => choose(Number(event.target.value))}>
            <option value={Level.CONFIDENTIAL}>{t`confidential: members only, every access recorded`}</option>
            <option value={Level.RESTRICTED}>{t`restricted: members only`}</option>
            <option value={Level.OPEN}>{t`open: everyone in the company reads`}</option>
          </select>
        </label>
        {founding.error && <Refused error={founding.error} />}
        <button type="submit" aria-disabled={founding.isPending || !name.trim()}>
          <Trans>Found it</Trans>
        </button>
      </form>
    </section>
  );
}
