/** Refusals, as they come out of a call: with the sentence, the remedy and the id, whatever is around them. */

import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { refusalOf } from "../src/api/refusal.ts";
import { ErrorInfoSchema, LocalizedMessageSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { GroupService } from "../src/gen/regard/groups/v1/groups_pb.ts";

const REFUSED = new ConnectError("no", Code.FailedPrecondition, undefined, [
  { desc: ErrorInfoSchema, value: { reason: "GRP-04", domain: "regard", metadata: { remedy: "Appoint another." } } },
  { desc: LocalizedMessageSchema, value: { locale: "en", message: "The last one." } },
]);

test("a refusal that an interceptor found comes out of the call as it is", async () => {
  const transport = createRouterTransport(
    ({ service }) => {
      service(GroupService, {
        leaveGroup: () => {
          throw REFUSED;
        },
      });
    },
    {
      transport: {
        interceptors: [
          (next) => async (request) => {
            try {
              return await next(request);
            } catch (error) {
              throw refusalOf(error);
            }
          },
        ],
      },
    },
  );
  const error = await createClient(GroupService, transport)
    .leaveGroup({})
    .catch((thrown: unknown) => thrown);
  const { id, message, remedy, code, unreachable } = refusalOf(error);
  expect({ id, message, remedy, code, unreachable }).toEqual({
    id: "GRP-04",
    message: "The last one.",
    remedy: "Appoint another.",
    code: Code.FailedPrecondition,
    unreachable: false,
  });
});

test("what never reached Regard has no id and may be tried again", () => {
  const { id, unreachable } = refusalOf(new TypeError("failed to fetch"));
  expect({ id, unreachable }).toEqual({ id: "", unreachable: true });
});
