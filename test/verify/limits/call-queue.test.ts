import fc from "fast-check";
import { expect, test } from "vitest";
import { createCallQueue } from "../../../src/verify/limits/call-queue.ts";
import type { LimitCall } from "../../../src/verify/limits/store.ts";
import { turn } from "../../support/coherence/loader.ts";
import { rule } from "../../support/limits/rule.ts";

/** Returns a call of an account. Its rules have the counter of a key with this name. */
function callOf(accountId: string, counter: string, rules = 1): LimitCall {
  const one = rule(1, 1_000, { counter, accountId });
  return { action: "take", rules: new Array(rules).fill(one), cost: 1 };
}

/** A queue with one statement at a time. `sent` has the counters of each statement, and `answer` answers the last one. */
function start(maxPairs: number, maxWaiting: number) {
  const sent: string[][] = [];
  const refused: string[] = [];
  const answered: string[] = [];
  let release: (() => void) | undefined;
  const queue = createCallQueue(
    async (calls) => {
      sent.push(calls.map(({ rules: [one] }) => one?.counter ?? ""));
      await new Promise<void>((resolve) => (release = resolve));
      return calls.map(() => ({ allowed: true, levels: [] }));
    },
    { maxPairs, maxStatements: 1, maxWaiting },
  );
  return {
    sent,
    refused,
    answered,
    push(accountId: string, ...counters: string[]) {
      for (const counter of counters) {
        const note = (list: string[]) => () => void list.push(counter);
        void queue.run(callOf(accountId, counter)).then(note(answered), note(refused));
      }
    },
    async answer() {
      release?.();
      release = undefined;
      await turn();
      await turn();
    },
  };
}

test("a call of an account is in the next statement, however many calls of another account wait", async () => {
  const queue = start(4, 100);
  queue.push("acct_a", "a1", "a2", "a3", "a4", "a5", "a6");
  queue.push("acct_b", "b1", "b2");
  await queue.answer();
  expect(queue.sent).toEqual([["a1", "b1", "a2", "b2"]]);
  queue.push("acct_c", "c1");
  await queue.answer();
  expect(queue.sent[1]).toEqual(["a3", "c1", "a4", "a5"]);
  await queue.answer();
  expect(queue.sent[2]).toEqual(["a6"]);
});

test("if too many calls wait, the newest of the account with the most is refused", async () => {
  const queue = start(2, 4);
  queue.push("acct_a", "a1", "a2", "a3", "a4");
  queue.push("acct_b", "b1");
  await queue.answer();
  expect(queue.refused).toEqual(["a4"]);
  expect(queue.sent).toEqual([["a1", "b1"]]);
});

test("every call is answered once, in the order of its account, and no statement is too large", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("acct_a", "acct_b", "acct_c"), { maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      async (accounts, maxPairs) => {
        const queue = start(maxPairs, 100);
        const names = accounts.map((account, n) => `${account} ${n}`);
        for (const [n, account] of accounts.entries()) queue.push(account, names[n] ?? "");
        for (let n = 0; n <= accounts.length; n++) await queue.answer();
        expect(queue.answered.toSorted()).toEqual(names.toSorted());
        for (const account of ["acct_a", "acct_b", "acct_c"]) {
          const of = (list: string[]) => list.filter((name) => name.startsWith(account));
          expect(of(queue.sent.flat())).toEqual(of(names));
        }
        expect(queue.sent.every(({ length }) => length <= maxPairs)).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});
