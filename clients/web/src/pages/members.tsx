/** Who belongs to a group, and how people come and go. */

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { groups } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import type { Group, Member } from "../gen/regard/groups/v1/groups_pb.ts";
import { InvitePolicy, MemberRole } from "../gen/regard/groups/v1/rules_pb.ts";
import { Act } from "../parts/act.tsx";
import { SearchPeople, usePeople } from "../parts/directory.tsx";
import { Moment } from "../parts/moments.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { useMe } from "./frame.tsx";
import { useGroup } from "./group.tsx";

const route = getRouteApi("/signed-in/groups/$groupId/people");
/** People who are offered at once when somebody is looked for. */
const OFFERED = 8;
/** Days that a guest stays unless another end is chosen. */
const GUEST_DAYS = 30;

export function Members() {
  const { groupId } = route.useParams();
  const group = useGroup(groupId).data;
  const read = usePages(["members", groupId], (page) => groups.listMembers({ groupId, page }), { size: 100 });
  const members = (read.data?.pages ?? []).flatMap((page) => page.members);
  const names = useNames(members.map((member) => member.personId));
  const changed = async () => {
    for (const key of ["members", "panel", "group", "requests"]) {
      await readAgain([key, groupId]);
    }
  };
  if (!group) return null;
  const belongs = group.myRole !== MemberRole.UNSPECIFIED;
  const mayInvite = group.rules?.invite === InvitePolicy.MEMBERS ? belongs && group.myRole !== MemberRole.GUEST : manages(group);
  return (
    <>
      {manages(group) && <Requests groupId={groupId} changed={changed} />}
      <Paged read={read} none={members.length === 0} empty={<Trans>Nobody belongs to this group.</Trans>}>
        <ul className="directory">
          {members.map((member) => (
            <li key={member.personId}>
              <One group={group} member={member} name={names(member.personId)} changed={changed} />
            </li>
          ))}
        </ul>
      </Paged>
      {mayInvite && !group.archived && <Invite group={group} members={members} changed={changed} />}
      {belongs && <Leave group={group} />}
    </>
  );
}

function manages(group: Group): boolean {
  return group.myRole === MemberRole.MODERATOR || group.myRole === MemberRole.STEWARD;
}

type OfMember = { group: Group; member: Member; name: string; changed: () => Promise<void> };

function One({ group, member, name, changed }: OfMember) {
  const me = useMe();
  const of = { groupId: group.id, personId: member.personId };
  const isModerator = member.role === MemberRole.MODERATOR;
  return (
    <>
      <Link to="/people/$personId" params={{ personId: member.personId }}>
        <bdi>{name}</bdi>
      </Link>
      <span className="quiet">
        <Capacity role={member.role} />
        {member.until ? (
          <>
            {" "}
            <Trans>
              until <Moment at={member.until} />
            </Trans>
          </>
        ) : (
          <>
            {" "}
            <Trans>
              since <Moment at={member.since} />
            </Trans>
          </>
        )}
      </span>
      {manages(group) && member.personId !== me?.id && (
        <span className="row">
          {member.role !== MemberRole.GUEST && (
            <Act of={name} act={() => groups.setModerator({ ...of, moderator: !isModerator })} done={changed}>
              {isModerator ? <Trans>Make a member</Trans> : <Trans>Make a moderator</Trans>}
            </Act>
          )}
          <Act
            of={name}
            act={() => groups.removeMember(of)}
            done={changed}
            sure={<Trans>Remove {name}? From then on they see nothing of this group.</Trans>}
          >
            <Trans>Remove from the group</Trans>
          </Act>
        </span>
      )}
    </>
  );
}

function Capacity({ role }: { role: MemberRole }) {
  switch (role) {
    case MemberRole.MODERATOR:
      return <Trans>moderator</Trans>;
    case MemberRole.GUEST:
      return <Trans>guest</Trans>;
    case MemberRole.STEWARD:
      return <Trans>steward, for as long as nobody moderates</Trans>;
    default:
      return <Trans>member</Trans>;
  }
}

function Requests({ groupId, changed }: { groupId: string; changed: () => Promise<void> }) {
  const asked = useQuery({
    queryKey: ["requests", groupId],
    queryFn: async () => (await groups.listJoinRequests({ groupId })).requests,
  });
  const names = useNames(asked.data?.map((request) => request.personId) ?? []);
  if (!asked.data?.length) return null;
  return (
    <section aria-labelledby="requests">
      <h2 id="requests">
        <Trans>They ask to join</Trans>
      </h2>
      <ul className="directory">
        {asked.data.map(({ personId, requestedAt }) => (
          <li key={personId}>
            <Link to="/people/$personId" params={{ personId }}>
              <bdi>{names(personId)}</bdi>
            </Link>
            <span className="quiet">
              <Moment at={requestedAt} />
            </span>
            <span className="row">
              <Act of={names(personId)} act={() => groups.settleJoinRequest({ groupId, personId, approve: true })} done={changed}>
                <Trans>Let them join</Trans>
              </Act>
              <Act of={names(personId)} act={() => groups.settleJoinRequest({ groupId, personId, approve: false })} done={changed}>
                <Trans>Decline</Trans>
              </Act>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Invite({ group, members, changed }: { group: Group; members: Member[]; changed: () => Promise<void> }) {
  const { t } = useLingui();
  const [typed, type] = useState("");
  const [invited, setInvited] = useState("");
  const [until, setUntil] = useState(() => inDays(GUEST_DAYS));
  const { found } = usePeople(typed, { size: OFFERED, enabled: typed.trim() !== "" });
  const belong = new Set(members.map((member) => member.personId));
  const offered = typed.trim() === "" ? [] : found.filter((person) => !belong.has(person.id));
  const mayAddGuests = manages(group) && group.rules?.guestsAllowed;
  const done = (name: string) => {
    setInvited(name);
    type("");
    return changed();
  };
  return (
    <section aria-labelledby="invite">
      <h2 id="invite">
        <Trans>Invite someone</Trans>
      </h2>
      <SearchPeople typed={typed} type={type} />
      {mayAddGuests && (
        <label className="row">
          {t`Guests stay until`}
          <input type="date" min={inDays(1)} max={inDays(365)} value={until} onChange={(event) => setUntil(event.target.value)} />
        </label>
      )}
      <ul className="directory">
        {offered.map(({ id: personId, profile }) => (
          <li key={personId}>
            <bdi>{profile?.name}</bdi>
            <span className="quiet">{[profile?.function, profile?.site].filter(Boolean).join(" · ")}</span>
            <span className="row">
              <Act
                of={profile?.name}
                act={() => groups.inviteMember({ groupId: group.id, personId })}
                done={() => done(profile?.name ?? "")}
              >
                <Trans>Invite</Trans>
              </Act>
              {mayAddGuests && (
                <Act
                  of={profile?.name}
                  act={() => groups.addGuest({ groupId: group.id, personId, until: timestampFromDate(new Date(`${until}T23:59:59`)) })}
                  done={() => done(profile?.name ?? "")}
                >
                  <Trans>Add as a guest</Trans>
                </Act>
              )}
            </span>
          </li>
        ))}
      </ul>
      <p className="quiet" role="status">
        {invited && <Trans>{invited} will find it among their groups.</Trans>}
      </p>
    </section>
  );
}

function inDays(days: number): string {
  const day = new Date();
  day.setDate(day.getDate() + days);
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;
}

function Leave({ group }: { group: Group }) {
  const router = useRouter();
  const left = async () => {
    await readAgain(["my-groups"]);
    await router.navigate({ to: "/" });
  };
  return (
    <p>
      <Act
        act={() => groups.leaveGroup({ groupId: group.id })}
        done={left}
        className="second"
        sure={<Trans>Leave {group.name}? To come back, somebody has to let you in.</Trans>}
      >
        <Trans>Leave this group</Trans>
      </Act>
    </p>
  );
}
