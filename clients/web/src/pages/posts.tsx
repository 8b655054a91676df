/** What is worth keeping in a group: its posts, newest first. */

import { Trans, useLingui } from "@lingui/react/macro";
import { getRouteApi } from "@tanstack/react-router";
import { feed } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Composer, type Sent } from "../parts/composer.tsx";
import { useNames } from "../parts/names.ts";
import { Paged, usePages } from "../parts/pages.tsx";
import { PostCard } from "../parts/post.tsx";

const route = getRouteApi("/signed-in/groups/$groupId/");

export function Posts() {
  const { t } = useLingui();
  const { groupId } = route.useParams();
  const read = usePages(["posts", groupId], (page) => feed.listGroupPosts({ groupId, page }), { size: 20 });
  const posts = (read.data?.pages ?? []).flatMap((page) => page.posts);
  const names = useNames(posts.map((post) => post.authorId));
  return (
    <>
      <Composer
        key={groupId}
        groupId={groupId}
        draft={`post-${groupId}`}
        label={t`Something worth keeping`}
        button={t`Publish`}
        most={20_000}
        attaches
        send={(written, key) => publish(groupId, written, key)}
      />
      <Paged read={read} none={posts.length === 0} empty={<Trans>Nothing has been posted in this group yet.</Trans>}>
        {posts.map((post) => (
          <PostCard key={post.id} post={post} author={names(post.authorId)} />
        ))}
      </Paged>
    </>
  );
}

/** Publishes a post; every list that it stands in is read again. */
export async function publish(groupId: string, written: Sent, key: string): Promise<void> {
  await feed.publishPost({ groupId, ...written }, { headers: { "idempotency-key": key } });
  await readAgain(["posts"]);
}
