/** A room's messages, as far as they were read. */

import type { InfiniteData } from "@tanstack/react-query";
import type { ListMessagesResponse, Message } from "../gen/regard/chat/v1/chat_pb.ts";

export type Pages = InfiniteData<ListMessagesResponse, string>;

/** A room's pages, newest first, with a message in its place: as it is now, or new at the beginning. */
export function withMessage(pages: Pages, message: Message): Pages {
  const here = pages.pages.some((page) => page.messages.some((one) => one.id === message.id));
  const newest = pages.pages[0]?.messages[0]?.sequence ?? 0n;
  if (!here && message.sequence < newest) return pages;
  return {
    ...pages,
    pages: pages.pages.map((page, at) => ({
      ...page,
      messages: here
        ? page.messages.map((one) => (one.id === message.id ? message : one))
        : at === 0
          ? [message, ...page.messages]
          : page.messages,
    })),
  };
}
