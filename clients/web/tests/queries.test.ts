/** What is forgotten when someone signs out, and what is not. */

import { QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { DEMONSTRATION, forgetAnswers, queries } from "../src/app/queries.ts";

test("what belonged to whoever was signed in is forgotten", () => {
  queries.setQueryData(["posts", "a group"], ["said"]);
  forgetAnswers();
  expect(queries.getQueryCache().getAll()).toEqual([]);
});

test("the page for signing in, open already, gets what it waits for", async () => {
  let answer = (_people: string[]) => {};
  const asked = new Promise<string[]>((given) => (answer = given));
  const waiting = new QueryObserver(queries, { queryKey: DEMONSTRATION, queryFn: () => asked });
  const end = waiting.subscribe(() => {});
  forgetAnswers();
  answer(["Camille"]);
  await expect.poll(() => waiting.getCurrentResult().data).toEqual(["Camille"]);
  end();
});
