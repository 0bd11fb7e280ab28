import { expect, test } from "vitest";
import { handDriven, turn } from "../../support/coherence/loader.ts";

// A session of a user of forty accounts.
const session = "many_1";
const account = (n: number) => `acct_${n}`;

function world() {
  const driven = handDriven();
  const { sent, loader, lookUp } = driven;
  const knows = (n: number) => driven.recall(session, account(n)) !== undefined;
  async function learn(n: number): Promise<void> {
    const asked = lookUp(session, account(n));
    await turn();
    for (const statement of sent.splice(0)) await statement.answer();
    await asked;
  }
  return { ...driven, loader, knows, learn };
}

test("a load brings the access to one account, which is added to what is kept of the others", async () => {
  const { learn, knows } = world();
  await learn(1);
  expect([knows(1), knows(2)]).toEqual([true, false]);
  await learn(2);
  expect([knows(1), knows(2), knows(3)]).toEqual([true, true, false]);
});

test("a load of one account says of every other whether the user belongs to it", async () => {
  const { learn, knows, recall } = world();
  await learn(1);
  expect(knows(41)).toBe(true);
  expect(recall(session, "")?.credential?.accounts).toHaveLength(40);
  await learn(41);
  expect(knows(1)).toBe(true);
});

test.each([account(1), account(2), account(3), "user_1", session, "*"])(
  "an invalidation of %s drops the access to all accounts of the user",
  async (tag) => {
    const { learn, knows, invalidate } = world();
    await learn(1);
    await learn(2);
    invalidate(tag);
    expect([knows(1), knows(2)]).toEqual([false, false]);
  },
);

test("an invalidation of an account of others drops nothing", async () => {
  const { learn, knows, invalidate } = world();
  await learn(1);
  invalidate(account(41), "user_2");
  expect(knows(1)).toBe(true);
});

test.each([account(1), account(2), account(3)])(
  "access that was kept is not added to a load during which %s was invalidated",
  async (tag) => {
    const { learn, knows, invalidate, lookUp, sent } = world();
    await learn(1);
    const asked = lookUp(session, account(2));
    await turn();
    invalidate(tag);
    await sent[0]?.answer();
    expect((await asked).credential?.openings.map((access) => access.account_id)).toEqual([account(2)]);
    expect([knows(1), knows(2)]).toEqual([false, false]);
  },
);

test("two accounts of one session are two look-ups of one statement", async () => {
  const { lookUp, sent, knows } = world();
  const asked = [1, 2, 1].map((n) => lookUp(session, account(n)));
  await turn();
  expect(sent.map(({ ids }) => ids)).toEqual([[session, session]]);
  await sent[0]?.answer();
  const found = (await Promise.all(asked)).map(({ credential }) => credential?.openings[0]?.account_id);
  expect(found).toEqual([account(1), account(2), account(1)]);
  expect([knows(1), knows(2)]).toEqual([true, true]);
});

test("the access to at most 32 accounts is kept of one session: the latest", async () => {
  const { learn, knows } = world();
  for (let n = 1; n <= 40; n++) await learn(n);
  const kept = Array.from({ length: 40 }, (_, index) => knows(index + 1));
  expect(kept).toEqual([...Array(8).fill(false), ...Array(32).fill(true)]);
});
