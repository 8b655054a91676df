/** A group's conversation, live. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { chat } from "../api/calls.ts";
import { queries, readAgain } from "../app/queries.ts";
import type { Message, Room } from "../gen/regard/chat/v1/chat_pb.ts";
import { MemberRole } from "../gen/regard/groups/v1/rules_pb.ts";
import { Composer, fieldOf, type Sent } from "../parts/composer.tsx";
import { ConnectionLine } from "../parts/connection.tsx";
import { useConnection } from "../parts/live-chat.tsx";
import { useNames } from "../parts/names.ts";
import { usePages } from "../parts/pages.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { AnswerTo, Talk } from "../parts/talk.tsx";
import { useMe, useMyGroup } from "./frame.tsx";

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
  const read = usePages(["messages", room.id], (page) => chat.listMessages({ roomId: room.id, page }), { size: 50 });
  const pages = read.data?.pages ?? [];
  const last = pages[0]?.messages[0];
  const names = useNames(pages.flatMap((page) => page.messages.map((message) => message.authorId)));
  const me = useMe();
  const [answered, answer] = useState<Message>();
  const isLive = useRef(false);
  isLive.current = connection.state === "live";
  // The stream brings what changes; without one, it is asked for.
  const changed = useCallback(async () => {
    if (!isLive.current) await readAgain(["messages", room.id]);
  }, [room.id]);
  const begin = useCallback(
    (message: Message) => {
      answer(message);
      document.getElementById(fieldOf(room.id))?.focus();
    },
    [room.id],
  );
  const [seen] = useState(room.readSequence);
  const group = useMyGroup(room.groupId);
  useMarkRead(room, last?.sequence);
  if (read.isPending) return <Loading />;
  if (read.error && !read.data) return <Refused error={read.error} retry={() => void read.refetch()} />;
  const send = async (written: Sent, key: string) => {
    await chat.sendMessage({ roomId: room.id, replyToId: answered?.id ?? "", ...written }, { headers: { "idempotency-key": key } });
    answer(undefined);
    await changed();
  };
  return (
    <>
      <ConnectionLine connection={connection} />
      {last ? (
        <Talk
          pages={pages}
          names={names}
          me={me?.id}
          seen={seen}
          closed={room.closed || (group?.archived ?? false)}
          moderates={group?.myRole === MemberRole.MODERATOR}
          changed={changed}
          answer={begin}
          write={room.closed ? undefined : fieldOf(room.id)}
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
          above={answered && <Answered message={answered} author={names(answered.authorId)} drop={() => answer(undefined)} />}
          send={send}
        />
      )}
    </>
  );
}

/** What the next message answers. */
function Answered({ message, author, drop }: { message: Message; author: string; drop: () => void }) {
  return (
    <p className="answered row">
      <span className="line">
        <AnswerTo author={author} /> {message.body}
      </span>
      <button type="button" className="plain" onClick={drop}>
        <Trans>Not an answer</Trans>
      </button>
    </p>
  );
}

/** Notes how far this person has read, for nobody but themselves. */
function useMarkRead({ id: roomId, groupId }: Room, sequence: bigint | undefined): void {
  useEffect(() => {
    if (sequence === undefined) return;
    const mark = async () => {
      await chat.markRead({ roomId, sequence });
      queries.setQueryData<Room[]>(["rooms", groupId], (rooms) =>
        rooms?.map((one) => (one.id === roomId ? { ...one, readSequence: sequence } : one)),
      );
    };
    // Not being able to note it harms nothing: the next message notes it.
    const soon = setTimeout(() => void mark().catch(() => {}), 1000);
    return () => clearTimeout(soon);
  }, [roomId, groupId, sequence]);
}
