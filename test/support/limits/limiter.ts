import { expect } from "vitest";
import type { RateLimitRule } from "../../../src/verify/evaluate/draws.ts";
import { createLimiter, type DecidedBy } from "../../../src/verify/limits/limiter.ts";
import type { PostgresStore } from "../../../src/verify/limits/postgres-store.ts";
import type { SharedStore } from "../../../src/verify/limits/store.ts";
import { rule } from "./rule.ts";

// So long that nothing drains while a test runs.
const longMs = 31 * 24 * 3_600_000;

/** Returns a limit of a key that no other test has. */
export function newRule(limit: number): RateLimitRule {
  return rule(limit, longMs, { counter: `key_limiter_${crypto.randomUUID()}` });
}

/** How the limiter of a test differs from that of an instance without Redis. */
export interface StartOptions {
  saved: PostgresStore;
  store?: SharedStore;
  timeoutMs?: number;
}

/** Starts a limiter. The test decides whether its instance is alone, by `state.alone`. */
export function startLimiter(alone: boolean, { saved, store = saved, timeoutMs = 10_000 }: StartOptions) {
  const state = { alone, decided: [] as DecidedBy[], away: [] as boolean[] };
  const limiter = createLimiter({
    saved,
    store,
    isAlone: () => state.alone,
    maxCounters: 1_000,
    timeoutMs,
    observer: {
      decided: (by) => void state.decided.push(by),
      forgotten: () => {},
      away: (isAway) => void state.away.push(isAway),
    },
  });
  const take = async (limit: RateLimitRule) => (await limiter.take([limit], 1)).allowed;
  return { limiter, state, take };
}

/** A limiter of a test. */
export type TestLimiter = ReturnType<typeof startLimiter>;

/** Takes from other limits until this place decides. */
export async function until(one: TestLimiter, place: DecidedBy): Promise<void> {
  const decided = async () => {
    await one.take(newRule(1));
    return one.state.decided.at(-1);
  };
  await expect.poll(decided).toBe(place);
}

/** Makes calls at the same time. Returns how many were accepted. */
export async function takeAll(one: TestLimiter, limit: RateLimitRule, calls: number): Promise<number> {
  const taken = await Promise.all(Array.from({ length: calls }, () => one.take(limit)));
  return taken.filter(Boolean).length;
}
