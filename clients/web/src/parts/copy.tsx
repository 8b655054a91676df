/** A copy of what Regard holds of whoever is signed in, made in this browser, as one file. */

import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { Plural, Trans } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { auth, chat, feed, groups, ledger, people } from "../api/calls.ts";
import { LedgerEntrySchema, ListAccessesRequest_Scope as Scope } from "../gen/regard/audit/v1/audit_pb.ts";
import { MessageSchema } from "../gen/regard/chat/v1/chat_pb.ts";
import type { PageInfo } from "../gen/regard/common/v1/common_pb.ts";
import { ListMyTextsResponse_TextSchema } from "../gen/regard/feed/v1/feed_pb.ts";
import { GroupSchema } from "../gen/regard/groups/v1/groups_pb.ts";
import { PasskeySchema, PersonSchema, SignedInSessionSchema } from "../gen/regard/identity/v1/identity_pb.ts";
import type { Page } from "./pages.tsx";
import { save } from "./save.ts";
import { Refused } from "./states.tsx";

const PAGE = 200;

/** Everything of one kind, page by page; `got` is told how many came. */
async function all<Kind extends DescMessage>(
  kind: Kind,
  ask: (page: Page) => Promise<{ found: MessageShape<Kind>[]; page?: PageInfo | undefined }>,
  got: (count: number) => void,
): Promise<JsonValue[]> {
  const everything: JsonValue[] = [];
  let token = "";
  do {
    const { found, page } = await ask({ size: PAGE, token });
    everything.push(...found.map((one) => toJson(kind, one)));
    got(found.length);
    token = page?.nextToken ?? "";
  } while (token);
  return everything;
}

/** The copy as text. Throws Refusal. */
async function copied(got: (count: number) => void): Promise<string> {
  const person = (await people.getMe({})).person;
  const accesses = (scope: Scope) =>
    all(
      LedgerEntrySchema,
      async (page) => {
        const answer = await ledger.listAccesses({ scope, page });
        return { found: answer.entries, page: answer.page };
      },
      got,
    );
  const held = {
    at: new Date().toISOString(),
    me: person ? toJson(PersonSchema, person) : null,
    my_groups: await all(
      GroupSchema,
      async (page) => {
        const answer = await groups.listMyGroups({ page });
        return { found: answer.groups, page: answer.page };
      },
      got,
    ),
    posts_and_comments: await all(
      ListMyTextsResponse_TextSchema,
      async (page) => {
        const answer = await feed.listMyTexts({ page });
        return { found: answer.texts, page: answer.page };
      },
      got,
    ),
    messages: await all(
      MessageSchema,
      async (page) => {
        const answer = await chat.listMyMessages({ page });
        return { found: answer.messages, page: answer.page };
      },
      got,
    ),
    where_i_looked: await accesses(Scope.BY_ME),
    who_looked_at_what_i_wrote: await accesses(Scope.ABOUT_ME),
    sessions: (await auth.listSessions({})).sessions.map((one) => toJson(SignedInSessionSchema, one)),
    passkeys: (await auth.listPasskeys({})).passkeys.map((one) => toJson(PasskeySchema, one)),
  };
  return JSON.stringify(held, null, 2);
}

export function MakeCopy() {
  const [count, setCount] = useState(0);
  const copying = useMutation({
    mutationFn: () => {
      setCount(0);
      return copied((more) => setCount((before) => before + more));
    },
    onSuccess: (text) => {
      save(new TextEncoder().encode(text), `regard-${new Date().toISOString().slice(0, 10)}.json`);
      copying.reset();
    },
  });
  return (
    <>
      <p>
        <button
          type="button"
          className="second"
          aria-disabled={copying.isPending}
          onClick={() => copying.isPending || copying.mutate()}
        >
          <Trans>Make a copy</Trans>
        </button>
      </p>
      <p role="status">
        {copying.isPending ? (
          <Plural value={count} one="# entry so far…" other="# entries so far…" />
        ) : (
          count > 0 && !copying.error && <Plural value={count} one="A copy with # entry was made." other="A copy with # entries was made." />
        )}
      </p>
      {copying.error && <Refused error={copying.error} retry={() => copying.mutate()} />}
    </>
  );
}
