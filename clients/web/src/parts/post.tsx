/** A post with its comments, which are read when they are asked for. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { feed } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import type { Comment, Post } from "../gen/regard/feed/v1/feed_pb.ts";
import { MemberRole } from "../gen/regard/groups/v1/rules_pb.ts";
import { useMe, useMyGroup } from "../pages/frame.tsx";
import { Attached } from "./attached.tsx";
import { Composer, type Sent } from "./composer.tsx";
import { Moment } from "./moments.tsx";
import { useNames } from "./names.ts";
import { Paged, usePages } from "./pages.tsx";
import { Saying } from "./saying.tsx";

/** `group`: its group's name, where posts of several stand together. */
export function PostCard({ post, author, group }: { post: Post; author: string; group?: string | undefined }) {
  const { t } = useLingui();
  const [opened, open] = useState(false);
  const about = useAbout(post.groupId);
  return (
    <article className="said post" aria-label={t`Post by ${author}`}>
      <p className="meta">
        <span>
          <strong>
            <bdi>{author}</bdi>
          </strong>
          {group !== undefined && (
            <>
              {" · "}
              <Link to="/groups/$groupId" params={{ groupId: post.groupId }}>
                {group || <Trans>Direct conversation</Trans>}
              </Link>
            </>
          )}
        </span>
        <Moment at={post.publishedAt} />
      </p>
      <Saying
        text={{ ...post, edited: post.editedAt !== undefined }}
        groupId={post.groupId}
        author={author}
        most={20_000}
        {...about(post)}
        deeds={{
          react: (emoji, present) => feed.setReaction({ postId: post.id, emoji, present }),
          edit: (body, mentionedIds) => feed.editPost({ postId: post.id, body, mentionedIds }),
          withdraw: () => feed.withdrawPost({ postId: post.id }),
          done: () => readAgain(["posts"]),
        }}
        beside={
          <button type="button" className="plain" aria-expanded={opened} onClick={() => open(!opened)}>
            {post.commentCount ? <Plural value={post.commentCount} one="# comment" other="# comments" /> : <Trans>Comment</Trans>}
          </button>
        }
      >
        <Attached groupId={post.groupId} ids={post.fileIds} />
      </Saying>
      {opened && <Comments post={post} about={about} />}
    </article>
  );
}

/** Who is who for a text of the group, to whoever reads it. */
function useAbout(groupId: string) {
  const me = useMe();
  const group = useMyGroup(groupId);
  const moderates = group?.myRole === MemberRole.MODERATOR;
  return ({ authorId, mentionedIds }: Comment | Post) => ({
    mine: authorId === me?.id,
    closed: !group || group.archived,
    moderates,
    mentionedIds,
  });
}

function Comments({ post, about }: { post: Post; about: ReturnType<typeof useAbout> }) {
  const { t } = useLingui();
  const key = ["comments", post.id];
  const read = usePages(key, (page) => feed.listComments({ postId: post.id, page }), { size: 50 });
  const comments = (read.data?.pages ?? []).flatMap((page) => page.comments);
  const names = useNames(comments.map((one) => one.authorId));
  const send = async ({ body, mentionedIds }: Sent, idempotency: string) => {
    await feed.addComment({ postId: post.id, body, mentionedIds }, { headers: { "idempotency-key": idempotency } });
    await readAgain(key, ["posts"]);
  };
  return (
    <div className="comments">
      <Paged read={read} none={comments.length === 0} empty={<Trans>No comment yet.</Trans>}>
        <ul>
          {comments.map((one) => (
            <Line key={one.id} comment={one} post={post} author={names(one.authorId)} about={about(one)} />
          ))}
        </ul>
      </Paged>
      <Composer groupId={post.groupId} draft={post.id} label={t`Comment`} button={t`Comment`} most={10_000} send={send} />
    </div>
  );
}

type Commented = { comment: Comment; post: Post; author: string; about: ReturnType<ReturnType<typeof useAbout>> };

function Line({ comment, post, author, about }: Commented) {
  const the = { postId: post.id, commentId: comment.id };
  return (
    <li>
      <p className="meta">
        <strong>
          <bdi>{author}</bdi>
        </strong>
        <Moment at={comment.addedAt} />
      </p>
      <Saying
        text={{ ...comment, edited: comment.editedAt !== undefined }}
        groupId={post.groupId}
        author={author}
        most={10_000}
        {...about}
        deeds={{
          react: (emoji, present) => feed.setReaction({ ...the, emoji, present }),
          edit: (body, mentionedIds) => feed.editComment({ ...the, body, mentionedIds }),
          withdraw: () => feed.withdrawComment(the),
          done: () => readAgain(["comments", post.id]),
        }}
      />
    </li>
  );
}
