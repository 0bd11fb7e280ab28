import { expect, test } from "vitest";
import { handDriven, turn } from "../../support/coherence/loader.ts";

// A session of a user of forty accounts.
const session = "many_1";
const account = (n: number) => `acct_${n}`;

function world() {
  const driven = handDriven();
  const { sent, loader, lookUp } = driven;
  const isCached = (n: number) => driven.recall(session, account(n)) !== undefined;
  async function learn(n: number): Promise<void> {
    const loading = lookUp(session, account(n));
    await turn();
    for (const statement of sent.splice(0)) await statement.answer();
    await loading;
  }
  return { ...driven, loader, isCached, learn };
}

test("a load returns the access to one account, and the cache adds it to the access to other accounts", async () => {
  const { learn, isCached } = world();
  await learn(1);
  expect([isCached(1), isCached(2)]).toEqual([true, false]);
  await learn(2);
  expect([isCached(1), isCached(2), isCached(3)]).toEqual([true, true, false]);
});

test("a load of the access to one account also returns which other accounts the user belongs to", async () => {
  const { learn, isCached, recall } = world();
  await learn(1);
  expect(isCached(41)).toBe(true);
  expect(recall(session, "")?.credential?.accounts).toHaveLength(40);
  await learn(41);
  expect(isCached(1)).toBe(true);
});

test.each([account(1), account(2), account(3), "user_1", session, "*"])(
  "an invalidation of %s drops the access to all accounts of the user",
  async (tag) => {
    const { learn, isCached, invalidate } = world();
    await learn(1);
    await learn(2);
    invalidate(tag);
    expect([isCached(1), isCached(2)]).toEqual([false, false]);
  },
);

test("an invalidation of an account of other users drops nothing", async () => {
  const { learn, isCached, invalidate } = world();
  await learn(1);
  invalidate(account(41), "user_2");
  expect(isCached(1)).toBe(true);
});

test.each([account(1), account(2), account(3)])(
  "cached access is not added to a load during which %s was invalidated",
  async (tag) => {
    const { learn, isCached, invalidate, lookUp, sent } = world();
    await learn(1);
    const loading = lookUp(session, account(2));
    await turn();
    invalidate(tag);
    await sent[0]?.answer();
    expect((await loading).credential?.openings.map((access) => access.account_id)).toEqual([account(2)]);
    expect([isCached(1), isCached(2)]).toEqual([false, false]);
  },
);

test("two accounts of one session are two look-ups of one statement", async () => {
  const { lookUp, sent, isCached } = world();
  const loading = [1, 2, 1].map((n) => lookUp(session, account(n)));
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([[session, session]]);
  await sent[0]?.answer();
  const found = (await Promise.all(loading)).map(({ credential }) => credential?.openings[0]?.account_id);
  expect(found).toEqual([account(1), account(2), account(1)]);
  expect([isCached(1), isCached(2)]).toEqual([true, true]);
});

test("the cache keeps the access of one session to at most 32 accounts: the latest", async () => {
  const { learn, isCached } = world();
  for (let n = 1; n <= 40; n++) await learn(n);
  const kept = Array.from({ length: 40 }, (_, index) => isCached(index + 1));
  expect(kept).toEqual([...Array(8).fill(false), ...Array(32).fill(true)]);
});
