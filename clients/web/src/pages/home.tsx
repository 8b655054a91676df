/** The feed of my groups, what is new first. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { feed } from "../api/calls.ts";
import { GroupKind } from "../gen/regard/groups/v1/rules_pb.ts";
import { Composer } from "../parts/composer.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { PostCard } from "../parts/post.tsx";
import { useTitle } from "../parts/title.ts";
import { useMyGroups } from "./frame.tsx";
import { publish } from "./posts.tsx";

export function Home() {
  const { t } = useLingui();
  useTitle(t`Home`);
  const mine = useMyGroups();
  const read = usePages(["posts", "home"], (page) => feed.getHomeFeed({ page }), { size: 20 });
  const posts = (read.data?.pages ?? []).flatMap((page) => page.posts);
  const names = useNames(posts.map((post) => post.authorId));
  return (
    <>
      <h1>
        <Trans>Home</Trans>
      </h1>
      <Write />
      <Paged
        read={read}
        none={posts.length === 0}
        empty={<Trans>Nothing has been posted in your groups yet. Write the first post, or say hello in a chat.</Trans>}
      >
        {posts.map((post) => (
          <PostCard
            key={post.id}
            post={post}
            author={names(post.authorId)}
            group={mine.data?.find((group) => group.id === post.groupId)?.name ?? ""}
          />
        ))}
      </Paged>
    </>
  );
}

/** Writing from here: first for whom, so that who will be able to read it is known. */
function Write() {
  const { t } = useLingui();
  const [chosen, choose] = useState("");
  const groups = (useMyGroups().data ?? []).filter((group) => group.kind === GroupKind.WORKING && !group.archived);
  const group = groups.find((one) => one.id === chosen);
  if (groups.length === 0) return null;
  return (
    <>
      <label className="row">
        {t`Write in`}
        <select value={chosen} onChange={(event) => choose(event.target.value)}>
          <option value="">{t`Choose a group…`}</option>
          {groups.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      </label>
      {group && (
        <Composer
          key={group.id}
          groupId={group.id}
          draft={`post-${group.id}`}
          label={t`Something worth keeping`}
          button={t`Publish`}
          most={20_000}
          attaches
          send={(written, key) => publish(group.id, written, key)}
        />
      )}
    </>
  );
}
