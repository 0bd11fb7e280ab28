import type { StoredRateLimit } from "../../db/schema.ts";
import { difference } from "../kernel/audit-event.ts";
import { invalidFields, type Violation } from "../kernel/error.ts";

/** A rate limit as a request sets it. */
export interface NewRateLimit {
  name: string;
  limit: number;
  periodMs: number;
  /** What one verification takes if the request names no cost. Undefined means 1. */
  cost: number | undefined;
}

/** Returns the limits to store, and a violation for each one that is wrong. `field` is their path in the request. */
export function parseRateLimits(
  limits: readonly NewRateLimit[],
  field: string,
): { limits: StoredRateLimit[]; violations: Violation[] } {
  const violations: Violation[] = [];
  const names = new Set<string>();
  const stored = limits.map(({ name, limit, periodMs, cost = 1 }, index) => {
    const refuse = (part: string, description: string) =>
      violations.push({ field: `${field}[${index}].${part}`, description });
    if (names.has(name)) refuse("name", "expected a name that no other limit of the list has");
    names.add(name);
    if (cost > limit) refuse("cost", "expected at most the limit, because the limit would refuse every call");
    return { name, limit, period_ms: Math.floor(periodMs), cost };
  });
  return { limits: stored, violations };
}

/** Returns the limits to store. Fails with a violation for each one that is wrong. */
export function requireRateLimits(limits: readonly NewRateLimit[], field: string): StoredRateLimit[] {
  const parsed = parseRateLimits(limits, field);
  if (parsed.violations.length > 0) throw invalidFields(parsed.violations);
  return parsed.limits;
}

/** Returns whether two lists of limits are equal. */
export function sameLimits(before: readonly StoredRateLimit[], after: readonly StoredRateLimit[]): boolean {
  return difference({ limits: before }, { limits: after }) === undefined;
}

/**
 * Returns whether a change of limits allows nothing that the earlier limits refused: each earlier limit still has its name and
 * period, with the same or a lower limit, and the same or a higher cost.
 */
export function isWithinLimits(
  after: readonly StoredRateLimit[],
  before: readonly StoredRateLimit[],
): boolean {
  return before.every((earlier) =>
    after.some(
      (later) =>
        later.name === earlier.name &&
        later.period_ms === earlier.period_ms &&
        later.limit <= earlier.limit &&
        later.cost >= earlier.cost,
    ),
  );
}
