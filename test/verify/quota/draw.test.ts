import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type CreditState,
  type Draw,
  type DrawnRun,
  drawnOf,
  type Run,
  runsOf,
} from "../../../src/verify/quota/draw.ts";

const state = (remaining: number): CreditState => ({ remaining, limit: 1_000, refillAt: undefined });

const draws = fc.array(
  fc.record({
    accountId: fc.constant("acct"),
    ids: fc.constantFrom(["key_1"], ["key_2"], ["key_1", "acct"], ["key_2", "acct"]),
    cost: fc.integer({ min: 0, max: 4 }),
    dryRun: fc.boolean(),
  }),
  { maxLength: 30 },
);

// Decides about each draw by itself, in their order.
function oneByOne(draws: readonly Draw[], left: Map<string, number>) {
  return draws.map(({ ids, cost, dryRun }) => {
    const allowed = least(ids, left) >= cost;
    if (allowed && !dryRun) for (const id of ids) left.set(id, (left.get(id) ?? 0) - cost);
    return { allowed, remaining: least(ids, left) };
  });
}

// Decides about each run at once, as the database does.
function runByRun(runs: readonly Run[], left: Map<string, number>): DrawnRun[] {
  return runs.map(({ ids, needs, takes, count }) => {
    const most = takes === 0 ? count : Math.floor((least(ids, left) - needs) / takes) + 1;
    const granted = least(ids, left) < needs ? 0 : Math.min(count, most);
    for (const id of ids) left.set(id, (left.get(id) ?? 0) - granted * takes);
    return { granted, state: state(least(ids, left)) };
  });
}

function least(ids: readonly string[], left: ReadonlyMap<string, number>): number {
  return Math.min(...ids.map((id) => left.get(id) ?? 0));
}

const lefts = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 });
const recordsOf = ([one = 0, two = 0, pool = 0]: number[]) =>
  new Map([
    ["key_1", one],
    ["key_2", two],
    ["acct", pool],
  ]);

test("the draws of a run get the results that they would get one by one", () => {
  fc.assert(
    fc.property(draws, lefts, (draws, lefts) => {
      const runs = runsOf(draws);
      const drawn = [...drawnOf(runs, runByRun(runs, recordsOf(lefts)))];
      expect(drawn.map((one) => ({ allowed: one?.allowed, remaining: one?.state?.remaining }))).toEqual(
        oneByOne(draws, recordsOf(lefts)),
      );
    }),
  );
});

test("successive equal draws are one run, and a different draw between them makes three", () => {
  const draw = { accountId: "acct", ids: ["key_1"], cost: 1 };
  expect(runsOf(Array(200).fill(draw))).toEqual([{ ids: ["key_1"], needs: 1, takes: 1, count: 200 }]);
  expect(runsOf([draw, { ...draw, cost: 2 }, draw])).toHaveLength(3);
});

test("a draw that found a record held has no result", () => {
  const runs: Run[] = [
    { ids: ["key_1"], needs: 1, takes: 1, count: 2 },
    { ids: ["key_2"], needs: 1, takes: 1, count: 1 },
  ];
  const drawn = [
    ...drawnOf(runs, [
      { granted: undefined, state: undefined },
      { granted: 1, state: state(4) },
    ]),
  ];
  expect(drawn).toEqual([undefined, undefined, { allowed: true, state: state(4) }]);
});
