/** A post with its comments, which are read when they are asked for. */

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { feed } from "../api/calls.ts";
import { queries } from "../app/queries.ts";
import type { Comment, Post } from "../gen/regard/feed/v1/feed_pb.ts";
import { Attached } from "./attached.tsx";
import { Composer } from "./composer.tsx";
import { Moment } from "./moments.tsx";
import { useNames } from "./names.ts";
import { Paged } from "./pages.tsx";
import { Said } from "./said.tsx";

/** `group`: its group's name, where posts of several stand together. */
export function PostCard({ post, author, group }: { post: Post; author: string; group?: string | undefined }) {
  const { t } = useLingui();
  const [opened, open] = useState(false);
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
      <Said {...post} edited={post.editedAt !== undefined} />
      <Attached groupId={post.groupId} ids={post.fileIds} />
      <p className="meta">
        <button type="button" className="plain" aria-expanded={opened} onClick={() => open(!opened)}>
          {post.commentCount ? <Plural value={post.commentCount} one="# comment" other="# comments" /> : <Trans>Comment</Trans>}
        </button>
        <span>{post.reactions.map((one) => `${one.emoji} ${one.count}`).join("  ")}</span>
      </p>
      {opened && <Comments post={post} />}
    </article>
  );
}

function Comments({ post }: { post: Post }) {
  const { t } = useLingui();
  const key = ["comments", post.id];
  const read = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => feed.listComments({ postId: post.id, page: { size: 50, token: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (last) => last.page?.nextToken || undefined,
  });
  const comments = (read.data?.pages ?? []).flatMap((page) => page.comments);
  const names = useNames(comments.map((one) => one.authorId));
  const send = async (body: string, idempotency: string) => {
    await feed.addComment({ postId: post.id, body }, { headers: { "idempotency-key": idempotency } });
    await queries.invalidateQueries({ queryKey: key });
    await queries.invalidateQueries({ queryKey: ["posts"] });
  };
  return (
    <div className="comments">
      <Paged read={read} none={comments.length === 0} empty={<Trans>No comment yet.</Trans>}>
        <ul>
          {comments.map((one) => (
            <Line key={one.id} comment={one} author={names(one.authorId)} />
          ))}
        </ul>
      </Paged>
      <Composer groupId={post.groupId} draft={post.id} label={t`Comment`} button={t`Comment`} most={10_000} send={send} />
    </div>
  );
}

function Line({ comment, author }: { comment: Comment; author: string }) {
  return (
    <li>
      <p className="meta">
        <strong>
          <bdi>{author}</bdi>
        </strong>
        <Moment at={comment.addedAt} />
      </p>
      <Said {...comment} edited={comment.editedAt !== undefined} />
    </li>
  );
}
