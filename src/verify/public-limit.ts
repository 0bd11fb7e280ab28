import cluster from "node:cluster";
import { RateLimiterCluster, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { DomainError } from "../domain/kernel/error.ts";

/** A rate limit for calls without a bearer. The key is the client address or another text. */
export interface PublicLimit {
  /** Counts a call. Fails with `RATE_LIMITED` if the limit is reached. */
  spend(key: string): Promise<void>;
  /** Gives back the point of a call that turned out not to be a guess. */
  giveBack(key: string): Promise<void>;
}

/**
 * Creates a limit of `points` calls in `seconds` per key. It is counted in this process, or in the primary process if this
 * one is a worker. Workers share the limits of one name. Rejected calls do not count.
 */
export function createPublicLimit(name: string, points: number, seconds: number): PublicLimit {
  const options = { keyPrefix: name, points, duration: seconds };
  const limiter = cluster.isWorker ? new RateLimiterCluster(options) : new RateLimiterMemory(options);
  return {
    async spend(key) {
      try {
        await limiter.consume(key);
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        await limiter.reward(key);
        throw new DomainError(
          "RATE_LIMITED",
          `at most ${points} such calls in ${seconds} s: retry after reset_at`,
          {
            limit: String(points),
            remaining: "0",
            reset_at: new Date(Date.now() + refusal.msBeforeNext).toISOString(),
          },
        );
      }
    },
    async giveBack(key) {
      // A caller must not collect points for the next period.
      const spent = await limiter.get(key);
      if (spent && spent.consumedPoints > 0) await limiter.reward(key);
    },
  };
}
