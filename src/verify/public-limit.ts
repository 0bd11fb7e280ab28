import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { DomainError } from "../domain/error.ts";

/** A bound on how often a call may be made that needs no bearer: per client address, or by whatever else it counts. */
export interface PublicLimit {
  /** Counts a call, or refuses it as `RATE_LIMITED`. */
  spend(key: string): Promise<void>;
  /** Takes back what a call spent that turned out to be no guess. */
  giveBack(key: string): Promise<void>;
}

/** Creates a bound of `points` calls in `seconds` per key, kept in this process. Refused calls do not count. */
export function createPublicLimit(points: number, seconds: number): PublicLimit {
  const limiter = new RateLimiterMemory({ points, duration: seconds });
  return {
    async spend(key) {
      try {
        await limiter.consume(key);
      } catch (refusal) {
        await limiter.reward(key);
        const { msBeforeNext } = refusal as RateLimiterRes;
        throw new DomainError("RATE_LIMITED", `at most ${points} such calls in ${seconds} s`, {
          limit: String(points),
          remaining: "0",
          reset_at: new Date(Date.now() + msBeforeNext).toISOString(),
        });
      }
    },
    async giveBack(key) {
      // Nothing is saved up for the time after this one.
      const spent = await limiter.get(key);
      if (spent && spent.consumedPoints > 0) await limiter.reward(key);
    },
  };
}
