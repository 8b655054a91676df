/** What is forgotten when someone signs out, what is not, and what is asked for again. */

import { QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { DEMONSTRATION, forgetAnswers, queries, readAgain } from "../src/app/queries.ts";

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

test("what is written while its list is first read is in the list", async () => {
  const answers: ((names: string[]) => void)[] = [];
  const ask = () => new Promise<string[]>((given) => answers.push(given));
  const list = new QueryObserver(queries, { queryKey: ["comments", "a post"], queryFn: ask });
  const end = list.subscribe(() => {});
  const again = readAgain(["comments", "a post"]);
  await expect.poll(() => answers.length).toBe(2);
  answers[1]!(["written"]);
  answers[0]!([]);
  await again;
  expect(list.getCurrentResult().data).toEqual(["written"]);
  end();
});
