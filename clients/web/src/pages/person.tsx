/** A colleague: who they are, which roles they hold, and how to write to them. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { chat, people } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Act } from "../parts/act.tsx";
import { Fact } from "../parts/fact.tsx";
import { useRoleWords } from "../parts/roles.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useMe } from "./frame.tsx";

const route = getRouteApi("/signed-in/people/$personId");

export function PersonPage() {
  const { t } = useLingui();
  const { personId } = route.useParams();
  const me = useMe();
  const words = useRoleWords();
  const router = useRouter();
  const asked = useQuery({
    queryKey: ["person", personId],
    queryFn: async () => (await people.getPerson({ personId })).person,
  });
  const profile = asked.data?.profile;
  useTitle(profile?.name ?? "");
  if (asked.isPending) return <Loading />;
  if (asked.error) return <Refused error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data || !profile) {
    return (
      <>
        <h1>
          <Trans>Someone who was erased</Trans>
        </h1>
        <p>
          <Trans>What this person wrote cannot be read any more, and their name is kept nowhere.</Trans>
        </p>
      </>
    );
  }
  const write = async () => {
    const { room } = await chat.openDirectConversation({ personIds: [personId] });
    await readAgain(["my-groups"]);
    if (room) await router.navigate({ to: "/groups/$groupId/chat", params: { groupId: room.groupId } });
  };
  return (
    <>
      <h1>
        <bdi>{profile.name}</bdi>
      </h1>
      {!asked.data.active && (
        <p role="status">
          <Trans>Has no access to Regard any more.</Trans>
        </p>
      )}
      <dl className="facts">
        {profile.function && <Fact name={t`Function`}>{profile.function}</Fact>}
        {profile.site && <Fact name={t`Site`}>{profile.site}</Fact>}
        {profile.hierarchicalLevel && <Fact name={t`Level`}>{profile.hierarchicalLevel}</Fact>}
        {profile.email && (
          <Fact name={t`Address`}>
            <a href={`mailto:${profile.email}`}>{profile.email}</a>
          </Fact>
        )}
        {asked.data.roles.length > 0 && <Fact name={t`Roles`}>{asked.data.roles.map(words).join(", ")}</Fact>}
      </dl>
      {personId !== me?.id && asked.data.active && (
        <Act act={write} className="">
          <Trans>Write a direct message</Trans>
        </Act>
      )}
    </>
  );
}
