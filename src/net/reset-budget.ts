import type { Limits } from "./limits.ts";

/** Limits the rapid resets of one HTTP/2 connection. */
export interface ResetBudget {
  /** Records that a stream got a response. */
  earn(): void;
  /** Records a rapid reset. Returns false if the budget is exceeded. `now` is monotonic, in milliseconds. */
  spend(now: number): boolean;
  /** Returns whether so many streams were reset that further streams must wait until the pending input has been read. */
  isLow(): boolean;
}

type BudgetLimits = Pick<Limits, "maxResetBurst" | "maxResetsPerSecond" | "maxTrustedResets">;

/** Creates the budget of a new connection: a token bucket. Time fills it, and so do streams with a response. */
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
