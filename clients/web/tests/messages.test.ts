import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ListMessagesResponseSchema, MessageSchema } from "../src/gen/regard/chat/v1/chat_pb.ts";
import { type Pages, withMessage } from "../src/parts/messages.ts";

const message = (id: string, sequence: bigint, body = "") => create(MessageSchema, { id, sequence, body });
const pages: Pages = {
  pageParams: ["", "next"],
  pages: [
    create(ListMessagesResponseSchema, { messages: [message("c", 3n), message("b", 2n)] }),
    create(ListMessagesResponseSchema, { messages: [message("a", 1n)] }),
  ],
};
const ids = (found: Pages) => found.pages.map((page) => page.messages.map((one) => one.id + one.body));

test("what is new comes first", () => {
  expect(ids(withMessage(pages, message("d", 4n)))).toEqual([["d", "c", "b"], ["a"]]);
});

test("what has changed keeps its place", () => {
  expect(ids(withMessage(pages, message("a", 1n, "!")))).toEqual([["c", "b"], ["a!"]]);
});

test("what is older than all that was read waits until it is asked for", () => {
  expect(ids(withMessage(pages, message("z", 0n)))).toEqual(ids(pages));
});
