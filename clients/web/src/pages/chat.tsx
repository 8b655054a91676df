/** A group's conversation, live. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { chat } from "../api/calls.ts";
import { queries } from "../app/queries.ts";
import type { Room } from "../gen/regard/chat/v1/chat_pb.ts";
import { Composer } from "../parts/composer.tsx";
import { ConnectionLine } from "../parts/connection.tsx";
import { useConnection } from "../parts/live-chat.tsx";
import { useNames } from "../parts/names.ts";
import { Loading, Refused } from "../parts/states.tsx";
import { Talk } from "../parts/talk.tsx";
import { useMe } from "./frame.tsx";

const route = getRouteApi("/signed-in/groups/$groupId/chat");

export function Chat() {
  const { groupId } = route.useParams();
  const { t } = useLingui();
  const [chosen, choose] = useState("");
  const rooms = useQuery({ queryKey: ["rooms", groupId], queryFn: async () => (await chat.listRooms({ groupId })).rooms });
  if (rooms.isPending) return <Loading />;
  if (rooms.error) return <Refused error={rooms.error} retry={() => void rooms.refetch()} />;
  const room = rooms.data.find((one) => one.id === chosen) ?? rooms.data[0];
  if (!room) {
    return (
      <p className="quiet">
        <Trans>This group has no room yet. Someone who moderates it can open one.</Trans>
      </p>
    );
  }
  return (
    <>
      {rooms.data.length > 1 && (
        <label className="row">
          {t`Room`}
          <select value={room.id} onChange={(event) => choose(event.target.value)}>
            {rooms.data.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <Conversation key={room.id} room={room} />
    </>
  );
}

function Conversation({ room }: { room: Room }) {
  const { t } = useLingui();
  const connection = useConnection();
  const read = useInfiniteQuery({
    queryKey: ["messages", room.id],
    queryFn: ({ pageParam }) => chat.listMessages({ roomId: room.id, page: { size: 50, token: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (last) => last.page?.nextToken || undefined,
  });
  const pages = read.data?.pages ?? [];
  const last = pages[0]?.messages[0];
  const names = useNames(pages.flatMap((page) => page.messages.map((message) => message.authorId)));
  const me = useMe();
  useMarkRead(room.id, last?.sequence);
  if (read.isPending) return <Loading />;
  if (read.error && !read.data) return <Refused error={read.error} retry={() => void read.refetch()} />;
  const send = async (body: string, key: string, fileIds: string[]) => {
    await chat.sendMessage({ roomId: room.id, body, fileIds }, { headers: { "idempotency-key": key } });
    // The stream brings it; without one, it is asked for.
    if (connection.state !== "live") await queries.invalidateQueries({ queryKey: ["messages", room.id] });
  };
  return (
    <>
      <ConnectionLine connection={connection} />
      {last ? (
        <Talk
          pages={pages}
          names={names}
          me={me?.id}
          earlier={read.hasNextPage ? () => void read.fetchNextPage() : undefined}
        />
      ) : (
        <p className="quiet">
          <Trans>Nobody has spoken here yet. Begin!</Trans>
        </p>
      )}
      {room.closed ? (
        <p className="quiet">
          <Trans>This room is closed to writing.</Trans>
        </p>
      ) : (
        <Composer
          groupId={room.groupId}
          draft={room.id}
          label={t`Say something`}
          button={t`Send`}
          most={10_000}
          attaches
          send={send}
        />
      )}
    </>
  );
}

/** Notes how far this person has read, for nobody but themselves. */
function useMarkRead(roomId: string, sequence: bigint | undefined): void {
  useEffect(() => {
    if (sequence === undefined) return;
    // Not being able to note it harms nothing: the next message notes it.
    const soon = setTimeout(() => void chat.markRead({ roomId, sequence }).catch(() => {}), 1000);
    return () => clearTimeout(soon);
  }, [roomId, sequence]);
}
