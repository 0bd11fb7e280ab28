import { expect, test } from "vitest";
import { handDriven, turn } from "../../support/coherence/loader.ts";

/** Answers every statement that was sent, and every one that is sent then. */
async function answerAll({ sent }: ReturnType<typeof handDriven>): Promise<void> {
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
}

/** Returns a loader that knows that the rows of the caller "busy" are large. */
async function withBusyCaller() {
  const world = handDriven();
  const first = world.fetch("large0", "busy");
  await turn();
  await answerAll(world);
  await first;
  world.sent.length = 0;
  return world;
}

const largeIds = (count: number) => Array.from({ length: count }, (_, index) => `large${index + 1}`);

test("first look-ups of others share no statement with a caller whose rows are large, and wait for none", async () => {
  const world = await withBusyCaller();
  const { fetch, sent } = world;
  const busy = largeIds(20).map((id) => fetch(id, "busy"));
  const mine = fetch("a", "modest");
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a"], ["large1", "large2", "large3", "large4"]]);
  await sent[0]?.answer();
  await mine;
  const later = fetch("b", "modest");
  await turn();
  expect(sent[2]?.ids).toEqual(["b"]);
  await answerAll(world);
  await Promise.all([later, ...busy]);
});

test("large rows of all callers are read by one statement at a time, and callers take turns", async () => {
  const world = await withBusyCaller();
  const { fetch, sent } = world;
  const other = fetch("large90", "other");
  await turn();
  await answerAll(world);
  await other;
  sent.length = 0;
  const all = [...largeIds(8).map((id) => fetch(id, "busy")), fetch("large91", "other")];
  await turn();
  expect(sent).toHaveLength(1);
  await answerAll(world);
  await Promise.all(all);
  expect(sent.map(({ ids }) => ids.length)).toEqual([4, 1, 4]);
  expect(sent[1]?.ids).toEqual(["large91"]);
});

test("an id whose row was large shares no statement with other ids of its caller", async () => {
  const world = handDriven();
  const { fetch, sent } = world;
  const first = [fetch("large1"), fetch("a")];
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["large1", "a"]]);
  await answerAll(world);
  await Promise.all(first);
  sent.length = 0;
  const again = [fetch("large1", "a caller", true), fetch("b")];
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["b"], ["large1"]]);
  await answerAll(world);
  await Promise.all(again);
});

test("look-ups of a caller share a statement with others again after one of its rows was ordinary", async () => {
  const world = await withBusyCaller();
  const { fetch, sent } = world;
  const ordinary = fetch("a", "busy");
  await turn();
  await answerAll(world);
  await ordinary;
  sent.length = 0;
  const all = [fetch("b", "busy"), fetch("c", "modest")];
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["b", "c"]]);
  await answerAll(world);
  await Promise.all(all);
});

test("a caller that repeats large ids shares statements with others for every other id", async () => {
  const world = handDriven();
  const { fetch, sent } = world;
  const first = [fetch("large1", "platform"), fetch("a", "platform")];
  await turn();
  await answerAll(world);
  await Promise.all(first);
  const again = fetch("large1", "platform", true);
  await turn();
  await answerAll(world);
  await again;
  sent.length = 0;
  const all = [fetch("b", "platform"), fetch("c", "modest")];
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["b", "c"]]);
  await answerAll(world);
  await Promise.all(all);
});

test("a caller whose new rows are large shares statements with others for ids that the cache has seen", async () => {
  const world = handDriven();
  const { fetch, sent, learn, invalidate } = world;
  await learn("a", "b");
  invalidate("a", "b");
  const large = fetch("large1", "busy");
  await turn();
  await answerAll(world);
  await large;
  sent.length = 0;
  const all = [fetch("a", "busy"), fetch("b", "modest")];
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a", "b"]]);
  await answerAll(world);
  await Promise.all(all);
});
