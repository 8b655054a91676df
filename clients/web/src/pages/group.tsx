/** A group: its name, its level, and its tabs. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";
import { groups } from "../api/calls.ts";
import { Notice } from "../parts/break-glass.tsx";
import { LevelMark } from "../parts/level.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";

const route = getRouteApi("/signed-in/groups/$groupId");

export function useGroup(groupId: string) {
  return useQuery({ queryKey: ["group", groupId], queryFn: async () => (await groups.getGroup({ groupId })).group });
}

export function GroupPage() {
  const { t } = useLingui();
  const { groupId } = route.useParams();
  const found = useGroup(groupId);
  useTitle(found.data ? found.data.name || t`Direct conversation` : "");
  if (found.isPending) return <Loading />;
  if (found.error) return <Refused error={found.error} retry={() => void found.refetch()} />;
  const to = { groupId };
  return (
    <>
      <h1>
        {found.data?.name || <Trans>Direct conversation</Trans>} <LevelMark level={found.data?.rules?.level} />
      </h1>
      {found.data?.purpose && <p className="quiet">{found.data.purpose}</p>}
      <Notice groupId={groupId} />
      <nav className="tabs" aria-label={t`Of this group`}>
        <Link to="/groups/$groupId" params={to} activeOptions={{ exact: true }}>
          <Trans>Posts</Trans>
        </Link>
        <Link to="/groups/$groupId/chat" params={to}>
          <Trans>Chat</Trans>
        </Link>
        <Link to="/groups/$groupId/files" params={to}>
          <Trans>Files</Trans>
        </Link>
        <Link to="/groups/$groupId/people" params={to}>
          <Trans>People</Trans>
        </Link>
        <Link to="/groups/$groupId/rules" params={to}>
          <Trans>Rules</Trans>
        </Link>
        <Link to="/groups/$groupId/looked" params={to}>
          <Trans>Who looked</Trans>
        </Link>
      </nav>
      <Outlet />
    </>
  );
}
