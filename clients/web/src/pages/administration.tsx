/** People and provisioning, for those who administer the platform. There is no content anywhere here. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { type Dispatch, type SetStateAction, useState } from "react";
import { people, provisioning } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Role } from "../gen/regard/common/v1/options_pb.ts";
import type { Person } from "../gen/regard/identity/v1/identity_pb.ts";
import { Act } from "../parts/act.tsx";
import { SearchPeople, usePeople } from "../parts/directory.tsx";
import { Moment } from "../parts/moments.tsx";
import { Paged, usePages } from "../parts/pages.tsx";
import { ROLES, useRoleWords } from "../parts/roles.tsx";
import { Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { ForRoles } from "../parts/for-roles.tsx";

export function Administration() {
  const { t } = useLingui();
  useTitle(t`Administration`);
  return (
    <ForRoles roles={[Role.PLATFORM_ADMINISTRATOR]} title={<Trans>Administration</Trans>}>
      <p className="quiet">
        <Trans>Accounts, roles, and who may provision them. Nothing that anybody wrote can be seen from here.</Trans>
      </p>
      <Accounts />
      <Add />
      <Provisioners />
    </ForRoles>
  );
}

async function changed(): Promise<void> {
  await readAgain(["people"], ["person"]);
}

function Accounts() {
  const [typed, type] = useState("");
  // Whoever was sent away is no longer in the directory, and stays here to be given access back.
  const [away, setAway] = useState<Person[]>([]);
  const { read, found } = usePeople(typed, { size: 20 });
  const shown = [...away, ...found.filter((person) => !away.some((one) => one.id === person.id))];
  return (
    <section aria-labelledby="accounts">
      <h2 id="accounts">
        <Trans>Accounts</Trans>
      </h2>
      <SearchPeople typed={typed} type={type} />
      <Paged read={read} none={shown.length === 0} empty={<Trans>Nobody is called so, does that or works there.</Trans>}>
        <ul className="directory accounts">
          {shown.map((person) => (
            <li key={person.id}>
              <Account person={person} isAway={away.includes(person)} setAway={setAway} />
            </li>
          ))}
        </ul>
      </Paged>
    </section>
  );
}

type OfAccount = { person: Person; isAway: boolean; setAway: Dispatch<SetStateAction<Person[]>> };

function Account({ person, isAway, setAway }: OfAccount) {
  const { t } = useLingui();
  const words = useRoleWords();
  const [role, choose] = useState(0);
  const name = person.profile?.name ?? "";
  const personId = person.id;
  if (isAway) {
    return (
      <>
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span role="status">
          <Trans>has no access any more</Trans>
        </span>
        <Act
          of={name}
          act={() => people.reactivatePerson({ personId })}
          done={() => {
            setAway((before) => before.filter((one) => one.id !== personId));
            return changed();
          }}
        >
          <Trans>Give access back</Trans>
        </Act>
      </>
    );
  }
  return (
    <>
      <strong>
        <bdi>{name}</bdi>
      </strong>
      <span className="quiet">{person.profile?.email}</span>
      {person.roles.map((held) => (
        <span key={held} className="row">
          {words(held)}
          <Act
            of={`${words(held)}, ${name}`}
            act={() => people.revokeRole({ personId, role: held })}
            done={changed}
            sure={<Trans>Take this role away from {name}?</Trans>}
          >
            <Trans>Take away</Trans>
          </Act>
        </span>
      ))}
      <span className="row">
        <select aria-label={t`Role for ${name}`} value={role} onChange={(event) => choose(Number(event.target.value))}>
          <option value={0}>{t`Choose a role…`}</option>
          {ROLES.filter((one) => !person.roles.includes(one)).map((one) => (
            <option key={one} value={one}>
              {words(one)}
            </option>
          ))}
        </select>
        {role !== 0 && (
          <Act
            of={name}
            act={() => people.grantRole({ personId, role })}
            done={() => {
              choose(0);
              return changed();
            }}
          >
            <Trans>Give this role</Trans>
          </Act>
        )}
        <Act
          of={name}
          act={() => people.deactivatePerson({ personId })}
          done={() => setAway((before) => [...before, person])}
          sure={<Trans>End the access of {name}? Within seconds they are signed out everywhere; what they wrote stays.</Trans>}
        >
          <Trans>End access</Trans>
        </Act>
      </span>
    </>
  );
}

const NOBODY = { name: "", email: "", function: "", site: "" };

function Add() {
  const [profile, setProfile] = useState(NOBODY);
  const [password, setPassword] = useState("");
  const adding = useMutation({
    mutationFn: () => people.provisionPerson({ profile, password }),
    onSuccess: () => {
      setProfile(NOBODY);
      setPassword("");
      return changed();
    },
  });
  const isComplete = profile.name.trim() !== "" && profile.email.trim() !== "";
  const type = (field: keyof typeof NOBODY) => (event: { target: { value: string } }) =>
    setProfile((before) => ({ ...before, [field]: event.target.value }));
  return (
    <section aria-labelledby="add-person">
      <h2 id="add-person">
        <Trans>Add a person</Trans>
      </h2>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete && !adding.isPending) adding.mutate();
        }}
      >
        <label>
          <Trans>First name and family name</Trans>
          <input required maxLength={200} value={profile.name} onChange={type("name")} />
        </label>
        <label>
          <Trans>Company address, to sign in with</Trans>
          <input required type="email" maxLength={254} value={profile.email} onChange={type("email")} />
        </label>
        <label>
          <Trans>Function</Trans>
          <input maxLength={200} value={profile.function} onChange={type("function")} />
        </label>
        <label>
          <Trans>Site</Trans>
          <input maxLength={200} value={profile.site} onChange={type("site")} />
        </label>
        <label>
          <Trans>First password, of 12 characters or more; none if they sign in otherwise</Trans>
          <input
            type="password"
            autoComplete="new-password"
            minLength={12}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        {adding.error && <Refused error={adding.error} />}
        {adding.data?.person && (
          <p role="status">
            {adding.data.created ? (
              <Trans>{adding.data.person.profile?.name} has an account.</Trans>
            ) : (
              <Trans>{adding.data.person.profile?.name} had an account already.</Trans>
            )}
          </p>
        )}
        <button type="submit" aria-disabled={adding.isPending || !isComplete}>
          <Trans>Add</Trans>
        </button>
      </form>
    </section>
  );
}

function Provisioners() {
  const [name, setName] = useState("");
  const read = usePages(["provisioners"], (page) => provisioning.listProvisioners({ page }), { size: 50 });
  const again = () => readAgain(["provisioners"]);
  const adding = useMutation({
    mutationFn: () => provisioning.addProvisioner({ name: name.trim() }),
    onSuccess: () => {
      setName("");
      return again();
    },
  });
  const found = (read.data?.pages ?? []).flatMap((page) => page.provisioners);
  return (
    <section aria-labelledby="provisioning">
      <h2 id="provisioning">
        <Trans>Provisioning by the company’s directory</Trans>
      </h2>
      <p className="quiet">
        <Trans>A directory that speaks SCIM 2.0 gives and ends accounts by itself, at /scim/v2 with a token from here.</Trans>
      </p>
      <Paged read={read} none={found.length === 0} empty={<Trans>No directory is connected.</Trans>}>
        <ul className="directory">
          {found.map((one) => (
            <li key={one.id}>
              <strong>
                <bdi>{one.name}</bdi>
              </strong>
              <span className="quiet">
                <Trans>
                  added <Moment at={one.addedAt} />
                </Trans>
                {one.usedAt && (
                  <>
                    {" · "}
                    <Trans>
                      last called <Moment at={one.usedAt} />
                    </Trans>
                  </>
                )}
              </span>
              {one.revoked ? (
                <span>
                  <Trans>its token counts no more</Trans>
                </span>
              ) : (
                <Act
                  of={one.name}
                  act={() => provisioning.revokeProvisioner({ provisionerId: one.id })}
                  done={again}
                  sure={<Trans>End the token of {one.name}? It provisions nobody from then on.</Trans>}
                >
                  <Trans>End its token</Trans>
                </Act>
              )}
            </li>
          ))}
        </ul>
      </Paged>
      <form
        className="stacked"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && !adding.isPending) adding.mutate();
        }}
      >
        <label>
          <Trans>Name of the directory</Trans>
          <input required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        {adding.error && <Refused error={adding.error} />}
        {adding.data && (
          <div role="status">
            <p>
              <Trans>Its token, which is shown this once:</Trans>
            </p>
            <pre tabIndex={0}>{adding.data.token}</pre>
          </div>
        )}
        <button type="submit" aria-disabled={adding.isPending || !name.trim()}>
          <Trans>Make a token</Trans>
        </button>
      </form>
    </section>
  );
}
