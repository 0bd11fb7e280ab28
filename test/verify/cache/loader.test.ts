import { expect, test } from "vitest";
import { handDriven, tenantOf, turn } from "../../support/coherence/loader.ts";

const away = Object.assign(new Error("the database cannot be reached"), { code: "ECONNREFUSED" });

test("look-ups of one turn share a statement, which has each id once", async () => {
  const { fetch, sent } = handDriven();
  const all = ["a", "b", "a", "c"].map((id) => fetch(id));
  expect(sent).toEqual([]);
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
  await sent[0]?.answer();
  expect((await Promise.all(all)).map((row) => row.credential?.id)).toEqual(["a", "b", "a", "c"]);
});

test("no look-up joins a statement that was already sent", async () => {
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
  "a load does not keep a row if %s was invalidated while it was in flight",
  async (tag) => {
    const { fetch, sent, isCached, invalidate } = handDriven();
    const loading = fetch("a");
    await turn();
    invalidate(tag);
    await sent[0]?.answer();
    expect((await loading).credential?.id).toBe("a");
    expect(isCached("a")).toBe(false);
  },
);

test("a load keeps a row if only tags of others were invalidated", async () => {
  const { fetch, sent, isCached, invalidate } = handDriven();
  const loading = fetch("a");
  await turn();
  invalidate("b", "user_2");
  await sent[0]?.answer();
  await loading;
  expect(isCached("a")).toBe(true);
});

test("a row from another server, or from a load without a lease, is returned but not kept", async () => {
  const { fetch, sent, feed, isCached } = handDriven();
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
  expect([isCached("a"), isCached("b")]).toEqual([false, false]);
});

test("the cache serves nothing without a lease", async () => {
  const { learn, feed, isCached } = handDriven();
  await learn("a");
  expect(isCached("a")).toBe(true);
  feed.coherent = false;
  expect(isCached("a")).toBe(false);
});

test("unknown ids are not kept, and take two statements of 256 at a time, beside the statements of known ids", async () => {
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

test("look-ups of accounts that the cache never had do not delay the look-ups of known ids", async () => {
  const { fetchFor, sent, learn } = handDriven();
  await learn("key");
  const flood = Array.from({ length: 1_000 }, (_, index) => fetchFor("key", `un${index}`));
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 256]);
  const known = fetchFor("key");
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 256, 1]);
  await sent[2]?.answer();
  await known;
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all(flood);
});

test("a look-up of an account that the cache had once is a look-up of a known id", async () => {
  const { fetchFor, sent, learn, cache } = handDriven();
  await learn("key");
  cache.keepTenant(tenantOf("acct_1"));
  cache.invalidate(["acct_1"]);
  const flood = Array.from({ length: 600 }, (_, index) => fetchFor("key", `un${index}`));
  const known = fetchFor("key", "acct_1");
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([1, 256, 256]);
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([...flood, known]);
});

test("a statement takes half of a few dozen waiting look-ups while the previous results are delivered", async () => {
  const { fetch, sent } = handDriven();
  const first = fetch("un-first");
  await turn();
  const beside = fetch("un-beside");
  await turn();
  const waiting = Array.from({ length: 40 }, (_, index) => fetch(`un${index}`));
  await turn();
  let answered = false;
  const loading = first.then(() => {
    answered = true;
    return sent.length;
  });
  await sent[0]?.answer();
  expect({ answered, sent: sent.length }).toEqual({ answered: false, sent: 3 });
  expect(await loading).toBe(3);
  expect(sent[2]?.ids).toHaveLength(20);
  for (let at = 1; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([beside, ...waiting]);
});

test("a caller with one look-up is served beside a caller with many", async () => {
  const { fetch, sent } = handDriven();
  const much = Array.from({ length: 1_000 }, (_, index) => fetch(`un${index}`, "busy"));
  const little = fetch("un-mine", "modest");
  await turn();
  expect(sent[0]?.ids).toContain("un-mine");
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([...much, little]);
});

test("beyond the bound, a look-up of the busiest caller is rejected with UNAVAILABLE", async () => {
  const { fetch, sent } = handDriven();
  const busy = Array.from({ length: 5_000 }, (_, index) => fetch(`un${index}`, "busy"));
  const modest = fetch("un-mine", "modest");
  await expect(busy.at(-1)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
  await turn();
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([modest, ...busy.slice(0, -1)]);
});

test("while the database is unreachable, stale entries are served, but not to fresh requests", async () => {
  const { learn, fetch, feed, sent } = handDriven();
  await learn("a");
  Object.assign(feed, { coherent: false, staleness: true });
  const first = fetch("a");
  await turn();
  await sent[0]?.fail(away);
  expect((await first).credential?.id).toBe("a");
  // The next request gets the stale entry without a new attempt.
  expect((await fetch("a")).credential?.id).toBe("a");
  const refused = expect(fetch("a", "a caller", true)).rejects.toBe(away);
  await turn();
  await sent[1]?.fail(away);
  await refused;
});

test("waiting look-ups are rejected together with the statement that finds the database unreachable", async () => {
  const { fetch, sent } = handDriven();
  const all = Array.from({ length: 600 }, (_, index) => fetch(`un${index}`));
  const ended = Promise.allSettled(all);
  await turn();
  await sent[0]?.fail(away);
  await sent[1]?.fail(away);
  expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
  expect(sent).toHaveLength(2);
});
