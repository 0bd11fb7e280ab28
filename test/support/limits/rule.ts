import type { RateLimitRule } from "../../../src/verify/evaluate/draws.ts";

/** Returns a rule with the counter of a key. */
export function rule(limit: number, periodMs: number, more: Partial<RateLimitRule> = {}): RateLimitRule {
  return { accountId: "acct_1", counter: "key_1", name: "calls", limit, periodMs, cost: 1, ...more };
}
