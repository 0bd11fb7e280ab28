import cluster from "node:cluster";
import { RateLimiterCluster, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { DomainError } from "../domain/kernel/error.ts";

/** A bound on how often a call may be made that needs no bearer: per client address, or by whatever else it counts. */
export interface PublicLimit {
  /** Counts a call, or refuses it as `RATE_LIMITED`. */
  spend(key: string): Promise<void>;
  /** Takes back what a call spent that turned out to be no guess. */
  giveBack(key: string): Promise<void>;
}

/**
 * Creates a bound of `points` calls in `seconds` per key, kept in this process, or in the one of which it is a worker: then
 * all workers share what has this name. Refused calls do not count.
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
        throw new DomainError("RATE_LIMITED", `at most ${points} such calls in ${seconds} s`, {
          limit: String(points),
          remaining: "0",
          reset_at: new Date(Date.now() + refusal.msBeforeNext).toISOString(),
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
