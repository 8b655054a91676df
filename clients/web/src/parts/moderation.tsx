/** What moderators decide for their group: its rules, its name, and its end. */

import { clone } from "@bufbuild/protobuf";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { groups } from "../api/calls.ts";
import { queries, readAgain } from "../app/queries.ts";
import { Level } from "../gen/regard/common/v1/common_pb.ts";
import { type Group, RulesVersion_State } from "../gen/regard/groups/v1/groups_pb.ts";
import {
  BreakGlass,
  InvitePolicy,
  JoinPolicy,
  PastVisibility,
  ReadersShown,
  type Rules,
  RulesSchema,
} from "../gen/regard/groups/v1/rules_pb.ts";
import { Act } from "./act.tsx";
import { NameAndPurpose } from "./naming.tsx";
import { Refused } from "./states.tsx";

/** Reads again what the rules, the name or the end of a group change. */
async function changed(groupId: string): Promise<void> {
  const about = ["rules", "panel", "group", "members"].map((what) => [what, groupId]);
  await readAgain(...about, ["my-groups"]);
}

export function Moderation({ group }: { group: Group }) {
  return (
    <>
      {!group.archived && group.rules && <ChangeRules group={group} rules={group.rules} />}
      {!group.archived && <Rename key={group.name} group={group} />}
      <End group={group} />
    </>
  );
}

function ChangeRules({ group, rules }: { group: Group; rules: Rules }) {
  const { t } = useLingui();
  // Only what was changed here is held, so that rules which come meanwhile show everywhere else.
  const [edits, edit] = useState<Partial<Rules>>({});
  const wanted = { ...asTheyAre(rules), ...edits };
  const proposing = useMutation({
    mutationFn: () => groups.proposeRules({ groupId: group.id, rules: wanted }),
    onSuccess: () => changed(group.id),
  });
  const set = <Name extends keyof Rules>(name: Name, value: Rules[Name]) => edit({ ...edits, [name]: value });
  const number = (name: "consentQuorumPercent" | "consentPeriodDays" | "windowMinutes", min: number, max: number) => (
    <input
      type="number"
      required
      min={min}
      max={max}
      value={wanted[name]}
      onChange={(event) => set(name, Number(event.target.value))}
    />
  );
  const version = proposing.data?.version;
  return (
    <section aria-labelledby="change-rules">
      <h2 id="change-rules">
        <Trans>Change the rules</Trans>
      </h2>
      <p className="quiet">
        <Trans>
          A lower level, break-glass and an easier consent take the consent of the members. Everything else is in force at once, and
          everybody reads what changed.
        </Trans>
      </p>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (!proposing.isPending) proposing.mutate();
        }}
      >
        <Choice name={<Trans>How closely it is kept</Trans>} value={wanted.level} choose={(value) => set("level", value)}>
          <option value={Level.CONFIDENTIAL}>{t`confidential: members only, every access recorded`}</option>
          <option value={Level.RESTRICTED}>{t`restricted: members only`}</option>
          <option value={Level.OPEN}>{t`open: everyone in the company reads`}</option>
        </Choice>
        <Choice name={<Trans>Who may join</Trans>} value={wanted.join} choose={(value) => set("join", value)}>
          <option value={JoinPolicy.BY_INVITATION}>{t`whoever is invited`}</option>
          <option value={JoinPolicy.ON_REQUEST}>{t`whoever asks and is let in`}</option>
          <option value={JoinPolicy.ANYONE}>{t`everyone, by themselves`}</option>
        </Choice>
        <Choice name={<Trans>Who may invite</Trans>} value={wanted.invite} choose={(value) => set("invite", value)}>
          <option value={InvitePolicy.MODERATORS}>{t`moderators`}</option>
          <option value={InvitePolicy.MEMBERS}>{t`every member`}</option>
        </Choice>
        <Choice name={<Trans>What newcomers see of the past</Trans>} value={wanted.past} choose={(value) => set("past", value)}>
          <option value={PastVisibility.ALL}>{t`everything`}</option>
          <option value={PastVisibility.FROM_JOINING}>{t`what is written from the moment they come`}</option>
        </Choice>
        <Choice name={<Trans>How readers appear in who looked</Trans>} value={wanted.readers} choose={(value) => set("readers", value)}>
          <option value={ReadersShown.PRIVILEGED_BY_NAME}>{t`members counted, all others by name`}</option>
          <option value={ReadersShown.EVERYONE_BY_NAME}>{t`everyone by name`}</option>
          <option value={ReadersShown.BY_ROLE}>{t`by role and reason, without names`}</option>
          <option value={ReadersShown.COUNTS}>{t`as counts only`}</option>
        </Choice>
        <Choice name={<Trans>Break-glass</Trans>} value={wanted.breakGlass} choose={(value) => set("breakGlass", value)}>
          <option value={BreakGlass.NEVER}>{t`never: nobody can have it opened`}</option>
          <option value={BreakGlass.TWO_KEYS}>{t`by two people with two different roles`}</option>
        </Choice>
        {wanted.level === Level.RESTRICTED && (
          <Tick is={wanted.discoverable} set={(is) => set("discoverable", is)}>
            <Trans>Every colleague finds it: its name and what it is for</Trans>
          </Tick>
        )}
        <Tick is={wanted.guestsAllowed} set={(is) => set("guestsAllowed", is)}>
          <Trans>Guests may be added, until a date</Trans>
        </Tick>
        <label>
          <Trans>How many per cent of the members must agree where consent is needed</Trans>
          {number("consentQuorumPercent", 50, 100)}
        </label>
        <label>
          <Trans>For how many days a vote is open</Trans>
          {number("consentPeriodDays", 1, 90)}
        </label>
        <label>
          <Trans>Within how many minutes reading the same again is one access</Trans>
          {number("windowMinutes", 1, 1440)}
        </label>
        {proposing.error && <Refused error={proposing.error} />}
        {proposing.isSuccess && (
          <p role="status">
            {version?.state === RulesVersion_State.PROPOSED ? (
              <Trans>Proposed. Members vote on it on this page; until they agree, nothing changes.</Trans>
            ) : version?.state === RulesVersion_State.ADOPTED ? (
              <Trans>These rules are in force.</Trans>
            ) : (
              <Trans>These are the rules already.</Trans>
            )}
          </p>
        )}
        <button type="submit" aria-disabled={proposing.isPending}>
          <Trans>Propose these rules</Trans>
        </button>
      </form>
    </section>
  );
}

/** The rules with what they leave unsaid said, so that a form shows what holds. */
function asTheyAre(rules: Rules): Rules {
  const said = clone(RulesSchema, rules);
  said.join ||= JoinPolicy.BY_INVITATION;
  said.invite ||= InvitePolicy.MODERATORS;
  said.past ||= PastVisibility.ALL;
  said.readers ||= ReadersShown.PRIVILEGED_BY_NAME;
  said.breakGlass ||= BreakGlass.NEVER;
  said.consentQuorumPercent ||= 100;
  said.consentPeriodDays ||= 7;
  said.windowMinutes ||= 60;
  return said;
}

type Chosen = { name: ReactNode; value: number; choose: (value: number) => void; children: ReactNode };

function Choice({ name, value, choose, children }: Chosen) {
  return (
    <label>
      {name}
      <select value={value} onChange={(event) => choose(Number(event.target.value))}>
        {children}
      </select>
    </label>
  );
}

function Tick({ is, set, children }: { is: boolean; set: (is: boolean) => void; children: ReactNode }) {
  return (
    <label className="row">
      <input type="checkbox" checked={is} onChange={(event) => set(event.target.checked)} />
      <span>{children}</span>
    </label>
  );
}

function Rename({ group }: { group: Group }) {
  const [name, setName] = useState(group.name);
  const [purpose, setPurpose] = useState(group.purpose);
  const renaming = useMutation({
    mutationFn: () => groups.renameGroup({ groupId: group.id, name: name.trim(), purpose: purpose.trim() }),
    onSuccess: () => changed(group.id),
  });
  return (
    <section aria-labelledby="rename">
      <h2 id="rename">
        <Trans>Its name, and what it is for</Trans>
      </h2>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && !renaming.isPending) renaming.mutate();
        }}
      >
        <NameAndPurpose name={name} setName={setName} purpose={purpose} setPurpose={setPurpose} />
        {renaming.error && <Refused error={renaming.error} />}
        <button type="submit" aria-disabled={renaming.isPending || !name.trim()}>
          <Trans>Rename it</Trans>
        </button>
      </form>
    </section>
  );
}

function End({ group }: { group: Group }) {
  const router = useRouter();
  const [name, setName] = useState("");
  const deleting = useMutation({
    mutationFn: () => groups.deleteGroup({ groupId: group.id, name }),
    onSuccess: async () => {
      await router.navigate({ to: "/groups" });
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey.includes(group.id) });
      await readAgain(["my-groups"]);
    },
  });
  return (
    <section aria-labelledby="end">
      <h2 id="end">
        <Trans>Its end</Trans>
      </h2>
      {group.archived ? (
        <p>
          <Trans>It is archived: members still read it, and nobody writes in it any more.</Trans>
        </p>
      ) : (
        <p>
          <Act
            act={() => groups.archiveGroup({ groupId: group.id })}
            done={() => changed(group.id)}
            className="second"
            sure={<Trans>Archive it? Members still read it, and nobody writes in it any more. It cannot be opened again.</Trans>}
          >
            <Trans>Archive it</Trans>
          </Act>
        </p>
      )}
      <details>
        <summary>
          <Trans>Delete it, with all that it holds</Trans>
        </summary>
        <form
          className="stacked"
          onSubmit={(event) => {
            event.preventDefault();
            if (name === group.name && !deleting.isPending) deleting.mutate();
          }}
        >
          <p>
            <Plural
              value={group.memberCount}
              one="Its keys are destroyed: neither its one member nor anybody else can ever read it again. There is no way back."
              other="Its keys are destroyed: neither its # members nor anybody else can ever read it again. There is no way back."
            />
          </p>
          <label>
            <Trans>Its name, to be sure</Trans>
            <input required value={name} onChange={(event) => setName(event.target.value)} />
          </label>
          {deleting.error && <Refused error={deleting.error} />}
          <button type="submit" className="second" aria-disabled={deleting.isPending || name !== group.name}>
            <Trans>Delete it for good</Trans>
          </button>
        </form>
      </details>
    </section>
  );
}
