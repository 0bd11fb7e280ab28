import fc from "fast-check";
import { expect, test } from "vitest";
import type { RateLimitRule } from "../../../src/verify/evaluate/draws.ts";
import { createMemoryStore } from "../../../src/verify/limits/memory.ts";
import { rule } from "../../support/limits/rule.ts";

function startAt(time: number, maxCounters = 1_000) {
  const clock = { time };
  let forgotten = 0;
  const store = createMemoryStore({
    maxCounters,
    now: () => clock.time,
    wallTime: () => clock.time,
    onForgotten: () => {
      forgotten += 1;
    },
  });
  const take = (one: RateLimitRule, cost?: number) => store.take([one], cost).allowed;
  const burst = (one: RateLimitRule, calls: number) =>
    Array.from({ length: calls }, () => take(one)).filter(Boolean).length;
  return { clock, store, take, burst, forgotten: () => forgotten };
}

test("a full burst just before the edge of a window leaves nothing for a burst just after it", () => {
  const perMinute = rule(100, 60_000);
  const { clock, burst } = startAt(0);
  clock.time = 59_990;
  expect(burst(perMinute, 200)).toBe(100);
  clock.time = 60_010;
  expect(burst(perMinute, 200)).toBe(0);
  clock.time = 60_600;
  expect(burst(perMinute, 200)).toBe(1);
});

// What a limit promises, computed in the slowest and simplest way: for every accepted call, the calls since then fit into the
// limit and what drained meanwhile.
function fitsEverywhere(
  accepted: { at: number; cost: number }[],
  { limit, periodMs }: RateLimitRule,
): boolean {
  return accepted.every(({ at: from }, first) => {
    let taken = 0;
    return accepted.slice(first).every(({ at, cost }) => {
      taken += cost;
      return taken <= limit + ((at - from) * limit) / periodMs + 1e-5;
    });
  });
}

test("calls are accepted exactly when every stretch of time keeps the limit and what drained in it", () => {
  const call = fc.record({
    wait: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 400 }),
      fc.double({ min: 0, max: 3_000, noNaN: true }),
    ),
    cost: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.array(call, { maxLength: 80 }),
      (limit, periodMs, calls) => {
        const one = rule(limit, periodMs);
        const { clock, take } = startAt(1_000);
        const accepted: { at: number; cost: number }[] = [];
        for (const { wait, cost } of calls) {
          clock.time += wait;
          const next = { at: clock.time, cost };
          const allowed = take(one, cost);
          expect(allowed).toBe(cost <= limit && fitsEverywhere([...accepted, next], one));
          if (allowed) accepted.push(next);
        }
      },
    ),
  );
});

test("a refused call succeeds after its wait and no earlier", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1_000, max: 2_678_400_000 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (limit, periodMs, share) => {
        const cost = Math.max(1, Math.floor(limit * share));
        const one = rule(limit, periodMs);
        const { clock, store } = startAt(1_000);
        expect(store.take([one], limit).allowed).toBe(true);
        const [refused] = store.take([one], cost).states;
        if (!refused) throw new Error("a call with a rule has a state");
        const waitMs = refused.retryAfterMs;
        expect(refused.resetAt).toBeCloseTo(1_000 + waitMs, 3);
        if (waitMs > 1) {
          clock.time = 1_000 + waitMs * 0.999;
          expect(store.take([one], cost).allowed).toBe(false);
        }
        clock.time = 1_000 + waitMs;
        expect(store.take([one], cost).allowed).toBe(true);
      },
    ),
  );
});

test("a call takes from all of its limits or from none", () => {
  const { store } = startAt(0);
  const [wide, narrow] = [rule(10, 1_000), rule(2, 1_000, { counter: "acct_1", name: "all" })];
  for (let n = 0; n < 2; n++) expect(store.take([wide, narrow], undefined).allowed).toBe(true);
  const refused = store.take([wide, narrow], undefined);
  expect(refused.allowed).toBe(false);
  expect(refused.states.map(({ rule: { name }, remaining }) => [name, remaining])).toEqual([
    ["all", 0],
    ["calls", 8],
  ]);
  expect(store.look([wide], 8).allowed).toBe(true);
  expect(store.look([wide], 9).allowed).toBe(false);
});

test("what is given back can be taken again, and never more than the limit", () => {
  const { store, burst } = startAt(0);
  const one = rule(3, 1_000);
  expect(burst(one, 5)).toBe(3);
  store.giveBack([one], 2);
  expect(burst(one, 5)).toBe(2);
  store.giveBack([one], 100);
  expect(burst(one, 5)).toBe(3);
});

test("a call without a cost takes the cost of each rule, and a cost of 0 takes nothing", () => {
  const { store } = startAt(0);
  const one = rule(10, 1_000, { cost: 4 });
  expect(store.take([one], undefined).states[0]?.remaining).toBe(6);
  expect(store.take([one], 0).states[0]?.remaining).toBe(6);
  expect(store.take([one], undefined).states[0]?.remaining).toBe(2);
  expect(store.take([one], undefined).allowed).toBe(false);
  expect(store.take([one], 0).allowed).toBe(true);
});

test("a cost above the limit is refused, with a wait of one period", () => {
  const { store } = startAt(0);
  const [state] = store.take([rule(10, 1_000)], 11).states;
  expect(state).toMatchObject({ retryAfterMs: 1_000, remaining: 10 });
});

test("after a limit is lowered, its counter is at most full, and after it is raised, the new room is available at once", () => {
  const { clock, store, burst } = startAt(0);
  expect(burst(rule(100, 1_000), 100)).toBe(100);
  clock.time += 100;
  expect(store.take([rule(10, 1_000)], undefined).allowed).toBe(true);
  expect(burst(rule(1_000, 1_000), 2_000)).toBe(990);
});

test("the largest limit of the shortest period counts single calls", () => {
  const { store } = startAt(1e12);
  const one = rule(2_147_483_647, 1_000);
  expect(store.take([one], 2_147_483_646).allowed).toBe(true);
  expect(store.take([one], 1).allowed).toBe(true);
  expect(store.take([one], 1).allowed).toBe(false);
});

test("counters that drained are removed, and a full table drops the one that drains first and reports it", () => {
  const { clock, store, take, forgotten } = startAt(0, 100);
  for (let n = 0; n < 10_000; n++) {
    take(rule(1, 1_000, { counter: `key_${n}` }));
    clock.time += 20;
  }
  expect(store.size()).toBeLessThanOrEqual(100);
  expect(forgotten()).toBe(0);
  const slow = rule(1, 1e9, { counter: "key_slow" });
  expect(take(slow)).toBe(true);
  for (let n = 0; n < 500; n++) take(rule(1, 1_000, { counter: `key_fast_${n}` }));
  expect(store.size()).toBe(100);
  expect(forgotten()).toBeGreaterThan(0);
  expect(take(slow)).toBe(false);
});
