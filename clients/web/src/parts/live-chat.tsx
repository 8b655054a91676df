/** What is said while the page is open: one stream for all rooms, written into what was read before. */

import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { chat } from "../api/calls.ts";
import { type Connection, follow } from "../api/live.ts";
import { queries, readAgain } from "../app/queries.ts";
import type { SubscribeResponse } from "../gen/regard/chat/v1/chat_pb.ts";
import { type Pages, withMessage } from "./messages.ts";

const Context = createContext<Connection>({ state: "connecting" });

/** How the stream is doing. */
export const useConnection = () => useContext(Context);

export function LiveChat({ children }: { children: ReactNode }) {
  const [connection, show] = useState<Connection>({ state: "connecting" });
  useEffect(() => {
    const ended = new AbortController();
    void follow<SubscribeResponse>(
      {
        open: (cursor, signal) => chat.subscribe({ cursor }, { signal }),
        take,
        // What was said between reading a room and listening to it would be missing.
        alive: (resumed) => void (resumed || readAgain(["messages"])),
        show,
      },
      ended.signal,
    );
    return () => ended.abort();
  }, []);
  return <Context value={connection}>{children}</Context>;
}

function take({ frame }: SubscribeResponse): void {
  switch (frame.case) {
    case "message":
      queries.setQueryData<Pages>(["messages", frame.value.roomId], (pages) => pages && withMessage(pages, frame.value));
      break;
    case "room":
      void readAgain(["rooms", frame.value.groupId]);
      break;
    case "roomLost":
      queries.removeQueries({ queryKey: ["messages", frame.value.roomId] });
      void readAgain(["rooms", frame.value.groupId], ["my-groups"]);
  }
}
