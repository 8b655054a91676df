/** What every page has around it for someone signed in: who they are, their groups, switches, the way out. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouter } from "@tanstack/react-router";
import { auth, forgetSeen, groups, people } from "../api/calls.ts";
import { forget } from "../api/session.ts";
import { forgetAnswers } from "../app/queries.ts";
import { Role } from "../gen/regard/common/v1/options_pb.ts";
import { LevelMark } from "../parts/level.tsx";
import { LiveChat } from "../parts/live-chat.tsx";
import { forgetNames } from "../parts/names.ts";
import { KEYS } from "../parts/roles.tsx";
import { LanguageSwitch, ThemeSwitch } from "../parts/settings.tsx";
import { Loading, Refused } from "../parts/states.tsx";

/** Invitations that wait for whoever is signed in. */
export function useInvitations() {
  return useQuery({
    queryKey: ["invitations"],
    queryFn: async () => (await groups.listMyInvitations({})).invitations,
  });
}

export function useMe() {
  return useQuery({ queryKey: ["me"], queryFn: () => people.getMe({}), staleTime: Infinity }).data?.person;
}

export function useMyGroups() {
  return useQuery({ queryKey: ["my-groups"], queryFn: async () => (await groups.listMyGroups({ page: { size: 200 } })).groups });
}

/** One of them; undefined where one does not belong, and until they are known. */
export function useMyGroup(groupId: string) {
  return useMyGroups().data?.find((group) => group.id === groupId);
}

export function Frame() {
  const { t } = useLingui();
  const me = useMe();
  const router = useRouter();
  const leave = async () => {
    // The session ends by itself if Regard does not answer; what this browser holds ends now.
    await auth.signOut({}).catch(() => {});
    await forget().catch(() => {});
    forgetSeen();
    forgetNames();
    sessionStorage.clear();
    forgetAnswers();
    await router.navigate({ to: "/sign-in" });
  };
  return (
    <LiveChat>
      <a className="skip" href="#content">
        <Trans>Skip to content</Trans>
      </a>
      <header className="top">
        <Link className="brand" to="/">
          <img src="/app/icon.svg" alt="" width="28" height="28" /> Regard
        </Link>
        <div className="row">
          <LanguageSwitch />
          <ThemeSwitch />
          <Link className="me" to="/me" title={t`My data`}>
            {me?.profile?.name}
          </Link>
          <button type="button" className="plain" onClick={() => void leave()}>
            <Trans>Sign out</Trans>
          </button>
        </div>
      </header>
      <div className="columns">
        <nav className="groups" aria-label={t`My groups`}>
          <MyGroups />
          <Beyond />
        </nav>
        <main id="content" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
    </LiveChat>
  );
}

/** What is not one of my groups. */
function Beyond() {
  const roles = useMe()?.roles ?? [];
  const invitations = useInvitations().data?.length ?? 0;
  return (
    <ul className="beyond">
      <li>
        <Link to="/groups" activeOptions={{ exact: true }}>
          <Trans>Groups</Trans>
          {invitations > 0 && (
            <>
              {" · "}
              <Plural value={invitations} one="# invitation" other="# invitations" />
            </>
          )}
        </Link>
      </li>
      <li>
        <Link to="/people">
          <Trans>People</Trans>
        </Link>
      </li>
      <li>
        <Link to="/me" activeOptions={{ exact: true }}>
          <Trans>My data</Trans>
        </Link>
      </li>
      <li>
        <Link to="/transparency">
          <Trans>Transparency</Trans>
        </Link>
      </li>
      {roles.includes(Role.AUDITOR) && (
        <li>
          <Link to="/audit">
            <Trans>Audit</Trans>
          </Link>
        </li>
      )}
      {roles.some((role) => KEYS.includes(role)) && (
        <li>
          <Link to="/break-glass">
            <Trans>Break-glass</Trans>
          </Link>
        </li>
      )}
      {roles.includes(Role.PLATFORM_ADMINISTRATOR) && (
        <li>
          <Link to="/administration">
            <Trans>Administration</Trans>
          </Link>
        </li>
      )}
    </ul>
  );
}

function MyGroups() {
  const mine = useMyGroups();
  if (mine.isPending) return <Loading />;
  if (mine.error) return <Refused error={mine.error} retry={() => void mine.refetch()} />;
  return (
    <ul>
      <li>
        <Link to="/" activeOptions={{ exact: true }}>
          <Trans>Home</Trans>
        </Link>
      </li>
      {mine.data.map((group) => (
        <li key={group.id}>
          <Link to="/groups/$groupId" params={{ groupId: group.id }}>
            <span>{group.name || <Trans>Direct conversation</Trans>}</span> <LevelMark level={group.rules?.level} />
          </Link>
        </li>
      ))}
      {mine.data.length === 0 && (
        <li className="quiet">
          <Trans>You belong to no group yet. Ask someone who moderates a group to invite you.</Trans>
        </li>
      )}
    </ul>
  );
}
