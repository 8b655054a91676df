/** What Regard holds about whoever is signed in: who looked at what they wrote, where they looked, how they sign in. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { auth, ledger, people } from "../api/calls.ts";
import { ListAccessesRequest_Scope as Scope } from "../gen/regard/audit/v1/audit_pb.ts";
import { Act } from "../parts/act.tsx";
import { MakeCopy } from "../parts/copy.tsx";
import { Fact } from "../parts/fact.tsx";
import { Looks, useLooks } from "../parts/looks.tsx";
import { Moment } from "../parts/moments.tsx";
import { useRoleWords } from "../parts/roles.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useMe } from "./frame.tsx";

const PAGE = 20;
/** The shortest password, in characters. */
const SHORTEST = 12;

export function MyData() {
  const { t } = useLingui();
  useTitle(t`My data`);
  return (
    <>
      <h1>
        <Trans>My data</Trans>
      </h1>
      <AsKnown />
      <section aria-labelledby="about-me">
        <h2 id="about-me">
          <Trans>Who looked at what I wrote</Trans>
        </h2>
        <AboutMe />
      </section>
      <section aria-labelledby="by-me">
        <h2 id="by-me">
          <Trans>Where I looked</Trans>
        </h2>
        <ByMe />
      </section>
      <SignInWith />
      <Sessions />
      <section aria-labelledby="rights">
        <h2 id="rights">
          <Trans>A copy, and erasure</Trans>
        </h2>
        <p>
          <Trans>
            A copy has how the company knows you, your groups, what you wrote in them, where you looked, who looked at what you wrote,
            and where you are signed in: one file, which this browser makes and keeps no copy of. What you wrote in groups that you have
            left is not in it.
          </Trans>
        </p>
        <MakeCopy />
        <p>
          <Trans>
            What you wrote you can withdraw, text by text, where it stands. Once your access has ended, the data protection officer can
            erase who you were and all that you wrote, in every group, for good. For what the copy lacks ask them, who have to answer
            within a month; you find them among people.
          </Trans>
        </p>
      </section>
    </>
  );
}

function AsKnown() {
  const { t } = useLingui();
  const me = useMe();
  const words = useRoleWords();
  if (!me) return <Loading />;
  const profile = me.profile;
  return (
    <section aria-labelledby="as-known">
      <h2 id="as-known">
        <Trans>As the company knows me</Trans>
      </h2>
      <dl className="facts">
        <Fact name={t`Name`}>{profile?.name}</Fact>
        <Fact name={t`Address`}>{profile?.email}</Fact>
        {profile?.function && <Fact name={t`Function`}>{profile.function}</Fact>}
        {profile?.site && <Fact name={t`Site`}>{profile.site}</Fact>}
        {profile?.hierarchicalLevel && <Fact name={t`Level`}>{profile.hierarchicalLevel}</Fact>}
        {me.roles.length > 0 && <Fact name={t`Roles`}>{me.roles.map(words).join(", ")}</Fact>}
      </dl>
      <p className="quiet">
        <Trans>It comes from the company’s own directory: what is wrong is put right there.</Trans>
      </p>
    </section>
  );
}

function AboutMe() {
  const read = useLooks(["about-me"], PAGE, (page) => ledger.listAccesses({ scope: Scope.ABOUT_ME, page }));
  return <Looks read={read} empty={<Trans>Nobody, in the groups where accesses are recorded.</Trans>} />;
}

function ByMe() {
  const read = useLooks(["by-me"], PAGE, (page) => ledger.listAccesses({ scope: Scope.BY_ME, page }));
  return <Looks read={read} empty={<Trans>Nowhere where accesses are recorded.</Trans>} />;
}

function SignInWith() {
  return (
    <section aria-labelledby="sign-in-with">
      <h2 id="sign-in-with">
        <Trans>How I sign in</Trans>
      </h2>
      <p>
        <Link to="/me/passkeys">
          <Trans>My passkeys</Trans>
        </Link>
      </p>
      <details>
        <summary>
          <Trans>Change my password</Trans>
        </summary>
        <Password />
      </details>
    </section>
  );
}

/** Where they are signed in, so that what they do not recognise can be ended from here. */
function Sessions() {
  const going = useQuery({ queryKey: ["sessions"], queryFn: async () => (await auth.listSessions({})).sessions });
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">
        <Trans>Where I am signed in</Trans>
      </h2>
      {going.isPending && <Loading />}
      {going.error && <Refused error={going.error} retry={() => void going.refetch()} />}
      <ul className="passkeys">
        {going.data?.map((one) => (
          <li key={one.id} className="said">
            <p className="meta">
              <strong>
                <bdi>{one.client}</bdi>
              </strong>
              {one.current ? (
                <span className="quiet">
                  <Trans>here</Trans>
                </span>
              ) : (
                <Act act={() => auth.endSession({ sessionId: one.id })} done={() => going.refetch()} of={one.client}>
                  <Trans>End it</Trans>
                </Act>
              )}
            </p>
            <p className="quiet">
              <Trans>
                since <Moment at={one.beganAt} />, used last <Moment at={one.renewedAt} />
              </Trans>
            </p>
          </li>
        ))}
      </ul>
      <p className="quiet">
        <Trans>One that you do not recognise: end it, and change your password, which ends all the others.</Trans>
      </p>
    </section>
  );
}

function Password() {
  const [currentPassword, setCurrent] = useState("");
  const [newPassword, setNew] = useState("");
  const isComplete = currentPassword !== "" && newPassword.length >= SHORTEST;
  const changing = useMutation({
    mutationFn: () => people.changePassword({ currentPassword, newPassword }),
    onSuccess: () => {
      setCurrent("");
      setNew("");
    },
  });
  return (
    <form
      className="stacked"
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete && !changing.isPending) changing.mutate();
      }}
    >
      <label>
        <Trans>The present one</Trans>
        <input
          type="password"
          autoComplete="current-password"
          required
          value={currentPassword}
          onChange={(event) => setCurrent(event.target.value)}
        />
      </label>
      <label>
        <Trans>The new one: {SHORTEST} characters or more</Trans>
        <input
          type="password"
          autoComplete="new-password"
          required
          minLength={SHORTEST}
          value={newPassword}
          onChange={(event) => setNew(event.target.value)}
        />
      </label>
      {changing.error && <Refused error={changing.error} />}
      {changing.isSuccess && (
        <p role="status">
          <Trans>Your password is changed.</Trans>
        </p>
      )}
      <button type="submit" aria-disabled={changing.isPending || !isComplete}>
        <Trans>Change it</Trans>
      </button>
    </form>
  );
}
