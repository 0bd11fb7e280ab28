import type { RateLimitRule } from "../evaluate/draws.ts";

/**
 * The level of a counter at one moment: the cost that it has counted and that has not drained yet.
 *
 * This is the generic cell rate algorithm (GCRA) in its form of a leaky bucket with continuous state (ITU-T I.371): a call adds
 * its cost to the level, the level drains by `limit` per period, and a call that would exceed `limit` is refused. So after a full
 * burst, a caller gets capacity back evenly. A fixed window would allow a second full burst right after its edge.
 */
export interface Counter {
  level: number;
  /** How much drains in one millisecond. */
  perMs: number;
  /** The time of `level`, in milliseconds of the clock of the store. */
  at: number;
}

/** The state of one limit after a call. */
export interface LimitState {
  rule: RateLimitRule;
  /** The number of calls of cost 1 that are possible at once. */
  remaining: number;
  /** Wall time in milliseconds: when the call is possible if it was refused, else when the whole limit is available again. */
  resetAt: number;
  /** How long a refused call must wait at least, in milliseconds. 0: it was not refused. */
  retryAfterMs: number;
}

/** Levels are binary fractions. Without this tolerance, a call could be refused because of a rounding error. */
export const tolerance = 1e-6;

/** Returns what drains from the counter of a rule in one millisecond. */
export function drainOf({ limit, periodMs }: Pick<RateLimitRule, "limit" | "periodMs">): number {
  return limit / periodMs;
}

/** Returns the level of a counter now. If the limit was lowered below the level, the level is the limit. */
export function levelAt(counter: Counter | undefined, rule: RateLimitRule, now: number): number {
  if (counter === undefined) return 0;
  const drained = Math.max(0, now - counter.at) * drainOf(rule);
  return Math.max(0, Math.min(rule.limit, counter.level) - drained);
}

/** Returns whether a cost fits into a limit with this level. A cost of 0 always fits. */
export function fits(level: number, cost: number, limit: number): boolean {
  return cost <= 0 || level + cost <= limit + tolerance;
}

/** Returns the state of a limit with this level. `cost` is what a refused call needed, or undefined if it was not refused. */
export function stateOf(
  rule: RateLimitRule,
  level: number,
  cost: number | undefined,
  wallTime: number,
): LimitState {
  const { limit, periodMs } = rule;
  const remaining = Math.max(0, Math.floor(limit - level + tolerance));
  const refused = cost !== undefined && !fits(level, cost, limit);
  const excess = refused ? level + cost - limit : level;
  // A cost above the limit never fits.
  const waitMs = refused && cost > limit ? periodMs : excess / drainOf(rule);
  return { rule, remaining, resetAt: wallTime + waitMs, retryAfterMs: refused ? Math.max(1, waitMs) : 0 };
}

/** Sorts the states of a call: first those that refuse it, the longest wait first, then those with the least left. */
export function tightestFirst(states: LimitState[]): LimitState[] {
  if (states.length < 2) return states;
  return states.sort(
    (a, b) => b.retryAfterMs - a.retryAfterMs || a.remaining - b.remaining || b.resetAt - a.resetAt,
  );
}
