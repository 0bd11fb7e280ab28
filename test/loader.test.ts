import { expect, test } from "vitest";
import { createCache } from "../src/verify/cache.ts";
import type { Ask, Loaded } from "../src/verify/load.ts";
import { createLoader } from "../src/verify/loader.ts";

/** A statement that was sent and not yet answered. */
interface Sent {
  ids: string[];
  answer(server?: string): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A loader whose statements are answered by hand; ids that begin with `un` are unknown to the database. */
function world(entries = 1_000) {
  const cache = createCache(entries);
  const sent: Sent[] = [];
  const feed = { coherent: true, staleness: false };
  const { loader, fence } = createLoader(
    (asks) => new Promise((resolve, reject) => sent.push(statement(asks, resolve, reject))),
    cache,
    () => ({
      time: () => (feed.coherent ? 0 : undefined),
      staleTime: () => (feed.staleness ? 0 : undefined),
      server: () => "this one",
    }),
    { hit() {}, miss() {} },
  );
  const forget = (...tags: string[]) => {
    fence.forget(tags);
    cache.forget(tags);
  };
  const fetch = (id: string, caller = "somebody", fresh = false) =>
    loader.fetch({ id, workspaceId: "" }, { caller, fresh });
  const remembers = (id: string) => loader.recall({ id, workspaceId: "" }) !== undefined;
  /** Has an id known: asked, answered and kept. */
  async function learn(...ids: string[]): Promise<void> {
    const all = ids.map((id) => fetch(id));
    await turn();
    for (const statement of sent.splice(0)) await statement.answer();
    await Promise.all(all);
  }
  return { cache, sent, feed, loader, forget, fetch, remembers, learn };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function statement(
  asks: readonly Ask[],
  resolve: (rows: Loaded[]) => void,
  reject: (error: unknown) => void,
) {
  return {
    ids: asks.map((ask) => ask.id),
    async answer(server = "this one") {
      resolve(asks.map((ask) => rowOf(ask.id, server)));
      await turn();
    },
    async fail(error: unknown) {
      reject(error);
      await turn();
    },
  };
}

function rowOf(id: string, server: string): Loaded {
  const base = { workspace: undefined, now: new Date(0), server };
  if (id.startsWith("un")) return { ...base, credential: undefined };
  const credential = {
    id,
    kind: "application" as const,
    system: false,
    environment: null,
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    user_id: "user_1",
    last_used_at: null,
    tokens: [],
    openings: [],
  };
  return { ...base, credential };
}

const away = Object.assign(new Error("the database cannot be reached"), { code: "ECONNREFUSED" });

test("what is asked in one turn shares a statement, each id once", async () => {
  const { fetch, sent } = world();
  const all = ["a", "b", "a", "c"].map((id) => fetch(id));
  expect(sent).toEqual([]);
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([["a", "b", "c"]]);
  await sent[0]?.answer();
  expect((await Promise.all(all)).map((row) => row.credential?.id)).toEqual(["a", "b", "a", "c"]);
});

test("nobody joins a statement that was sent", async () => {
  const { fetch, sent, learn, forget } = world();
  await learn("a");
  forget("a");
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
    const { fetch, sent, remembers, forget } = world();
    const asked = fetch("a");
    await turn();
    forget(tag);
    await sent[0]?.answer();
    expect((await asked).credential?.id).toBe("a");
    expect(remembers("a")).toBe(false);
  },
);

test("what others are forgotten for is kept", async () => {
  const { fetch, sent, remembers, forget } = world();
  const asked = fetch("a");
  await turn();
  forget("b", "user_2");
  await sent[0]?.answer();
  await asked;
  expect(remembers("a")).toBe(true);
});

test("what another server answered, or came while there was no lease, is answered and not kept", async () => {
  const { fetch, sent, feed, remembers } = world();
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
  const { learn, feed, remembers } = world();
  await learn("a");
  expect(remembers("a")).toBe(true);
  feed.coherent = false;
  expect(remembers("a")).toBe(false);
});

test("unknown ids are not kept, and take one statement of 256 at a time, beside those that are known", async () => {
  const { fetch, sent, learn, forget, cache } = world();
  await learn("a", "b");
  forget("*");
  await learn("a");
  forget("a");
  const flood = Array.from({ length: 600 }, (_, index) => fetch(`un${index}`, "flood"));
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256]);
  const known = fetch("a");
  await turn();
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 1]);
  await sent[1]?.answer();
  await known;
  const before = cache.size();
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all(flood);
  expect(sent.map(({ ids }) => ids.length)).toEqual([256, 1, 256, 44, 22, 16, 6]);
  expect(cache.size()).toBe(before);
});

test("half of a few dozen that wait are looked up while those before them are answered", async () => {
  const { fetch, sent } = world();
  const first = fetch("un-first");
  await turn();
  const waiting = Array.from({ length: 40 }, (_, index) => fetch(`un${index}`));
  await turn();
  let answered = false;
  const asked = first.then(() => {
    answered = true;
    return sent.length;
  });
  await sent[0]?.answer();
  expect({ answered, sent: sent.length }).toEqual({ answered: false, sent: 2 });
  expect(await asked).toBe(2);
  expect(sent[1]?.ids).toHaveLength(20);
  for (let at = 1; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all(waiting);
});

test("who asks little is served beside who asks much", async () => {
  const { fetch, sent } = world();
  const much = Array.from({ length: 1_000 }, (_, index) => fetch(`un${index}`, "greedy"));
  const little = fetch("un-mine", "modest");
  await turn();
  expect(sent[0]?.ids).toContain("un-mine");
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([...much, little]);
});

test("beyond the bound the greediest is refused, with a hint when to try again", async () => {
  const { fetch, sent } = world();
  const greedy = Array.from({ length: 5_000 }, (_, index) => fetch(`un${index}`, "greedy"));
  const modest = fetch("un-mine", "modest");
  await expect(greedy.at(-1)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
  await turn();
  for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
  await Promise.all([modest, ...greedy.slice(0, -1)]);
});

test("while the database is away, what may be stale is served, and never where that must be fresh", async () => {
  const { learn, fetch, feed, sent } = world();
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

test("what waits behind a statement that the database did not answer is refused with it", async () => {
  const { fetch, sent } = world();
  const all = Array.from({ length: 600 }, (_, index) => fetch(`un${index}`));
  const ended = Promise.allSettled(all);
  await turn();
  await sent[0]?.fail(away);
  expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
  expect(sent).toHaveLength(1);
});
