import { expect, test } from "vitest";
import { handDriven, turn } from "../../support/coherence/loader.ts";

const away = Object.assign(new Error("the database cannot be reached"), { code: "ECONNREFUSED" });

test("what is asked in one turn shares a statement, each id once", async () => {
  const { fetch, sent } = handDriven();
  const all = ["a", "b", "a", "c"].map((id) => fetch(id));
  expect(sent).toEqual([]);
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
  await sent[0]?.answer();
  expect((await Promise.all(all)).map((row) => row.credential?.id)).toEqual(["a", "b", "a", "c"]);
});

test("nobody joins a statement that was sent", async () => {
  const { fetch, sent, learn, invalidate } = handDriven();
  await learn("a");
  invalidate("a");
  const first = fetch("a");
  await turn();
  const second = fetch("a");
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a"], ["a"]]);
  for (const statement of sent) await statement.answer();
  await Promise.all([first, second]);
});

test.each([["a"], ["user_1"], ["*"]])(
  "what is forgotten as %s while its load runs is not kept by it",
  async (tag) => {
    const { fetch, sent, remembers, invalidate } = handDriven();
    const asked = fetch("a");
    await turn();
    invalidate(tag);
    await sent[0]?.answer();
    expect((await asked).credential?.id).toBe("a");
    expect(remembers("a")).toBe(false);
  },
);

test("what others are forgotten for is kept", async () => {
  const { fetch, sent, remembers, invalidate } = handDriven();
  const asked = fetch("a");
  await turn();
  invalidate("b", "user_2");
  await sent[0]?.answer();
  await asked;
  expect(remembers("a")).toBe(true);
});

test("what another server answered, or came while there was no lease, is answered and not kept", async () => {
  const { fetch, sent, feed, remembers } = handDriven();
  const elsewhere = fetch("a");
  await turn();
  await sent[0]?.answer("another one");
  expect((await elsewhere).credential?.id).toBe("a");
  feed.coherent = false;
  const unleased = fetch("b");
  await turn();
  feed.coherent = true;
  await sent[1]?.answer();
  expect((await unleased).credential?.id).toBe("b");
  expect([remembers("a"), remembers("b")]).toEqual([false, false]);
});

test("nothing is recalled without a lease", async () => {
  const { learn, feed, remembers } = handDriven();
  await learn("a");
  expect(remembers("a")).toBe(true);
  feed.coherent = false;
  expect(remembers("a")).toBe(false);
});

test("unknown ids are not kept, and take two statements of 256 at a time, beside those that are known", async () => {
  const { fetch, sent, learn, invalidate, cache } = handDriven();
  await learn("a", "b");
  invalidate("*");
  await learn("a");
  invalidate("a");
  const flood = Array.from({ length: 600 }, (_, index) => fetch(`un${index}`, "flood"));
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 256]);
  const known = fetch("a");
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 256, 1]);
  await sent[2]?.answer();
  await known;
  const before = cache.size();
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all(flood);
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 256, 1, 44, 22, 16, 6]);
  expect(cache.size()).toBe(before);
});

test("half of a few dozen that wait are looked up while those before them are answered", async () => {
  const { fetch, sent } = handDriven();
  const first = fetch("un-first");
  await turn();
  const beside = fetch("un-beside");
  await turn();
  const waiting = Array.from({ length: 40 }, (_, index) => fetch(`un${index}`));
  await turn();
  let answered = false;
  const asked = first.then(() => {
    answered = true;
    return sent.length;
  });
  await sent[0]?.answer();
  expect({ answered, sent: sent.length }).toEqual({ answered: false, sent: 3 });
  expect(await asked).toBe(3);
  expect(sent[2]?.ids).toHaveLength(20);
  for (let at = 1; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([beside, ...waiting]);
});

test("who asks little is served beside who asks much", async () => {
  const { fetch, sent } = handDriven();
  const much = Array.from({ length: 1_000 }, (_, index) => fetch(`un${index}`, "greedy"));
  const little = fetch("un-mine", "modest");
  await turn();
  expect(sent[0]?.ids).toContain("un-mine");
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([...much, little]);
});

test("beyond the bound the greediest is refused, with a hint when to try again", async () => {
  const { fetch, sent } = handDriven();
  const greedy = Array.from({ length: 5_000 }, (_, index) => fetch(`un${index}`, "greedy"));
  const modest = fetch("un-mine", "modest");
  await expect(greedy.at(-1)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
  await turn();
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([modest, ...greedy.slice(0, -1)]);
});

test("while the database is away, what may be stale is served, and never where that must be fresh", async () => {
  const { learn, fetch, feed, sent } = handDriven();
  await learn("a");
  Object.assign(feed, { coherent: false, staleness: true });
  const first = fetch("a");
  await turn();
  await sent[0]?.fail(away);
  expect((await first).credential?.id).toBe("a");
  // From then on at once.
  expect((await fetch("a")).credential?.id).toBe("a");
  const refused = expect(fetch("a", "somebody", true)).rejects.toBe(away);
  await turn();
  await sent[1]?.fail(away);
  await refused;
});

test("what waits behind a database that cannot be reached is refused with the statement that found out", async () => {
  const { fetch, sent } = handDriven();
  const all = Array.from({ length: 600 }, (_, index) => fetch(`un${index}`));
  const ended = Promise.allSettled(all);
  await turn();
  await sent[0]?.fail(away);
  await sent[1]?.fail(away);
  expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
  expect(sent).toHaveLength(2);
});
