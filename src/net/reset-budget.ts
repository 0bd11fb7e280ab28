import type { Limits } from "./limits.ts";

/** How many more rapid resets an HTTP/2 connection may have. */
export interface ResetBudget {
  /** A stream was answered. */
  earn(): void;
  /** A stream was reset rapidly. Returns false if that was one too many. `now` is monotonic, in milliseconds. */
  spend(now: number): boolean;
  /** Whether so many were reset that further streams must wait until the pending input has been read. */
  isLow(): boolean;
}

type BudgetLimits = Pick<Limits, "maxResetBurst" | "maxResetsPerSecond" | "maxTrustedResets">;

/** Creates the budget of a new connection: a token bucket that answered streams and time fill. */
export function createResetBudget(limits: BudgetLimits, createdAt: number): ResetBudget {
  const { maxResetBurst, maxResetsPerSecond } = limits;
  let left = maxResetBurst;
  let at = createdAt;
  return {
    earn() {
      if (left < maxResetBurst) left = Math.min(maxResetBurst, left + 1);
    },
    spend(now) {
      left = Math.min(maxResetBurst, left + ((now - at) / 1000) * maxResetsPerSecond) - 1;
      at = now;
      return left >= 0;
    },
    isLow: () => left < maxResetBurst - limits.maxTrustedResets,
  };
}
