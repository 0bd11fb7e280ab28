import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { DomainError } from "../domain/error.ts";

/** A bound on how often one client address may make a call that needs no bearer. */
export interface PublicLimit {
  /** Counts a call, or refuses it as `RATE_LIMITED`. */
  spend(address: string): Promise<void>;
}

/** Creates a bound of `points` calls in `seconds` per address, kept in this process. */
export function createPublicLimit(points: number, seconds: number): PublicLimit {
  const limiter = new RateLimiterMemory({ points, duration: seconds });
  return {
    async spend(address) {
      try {
        await limiter.consume(address);
      } catch (refusal) {
        const { msBeforeNext } = refusal as RateLimiterRes;
        throw new DomainError("RATE_LIMITED", `at most ${points} such calls in ${seconds} s`, {
          limit: String(points),
          remaining: "0",
          reset_at: new Date(Date.now() + msBeforeNext).toISOString(),
        });
      }
    },
  };
}
