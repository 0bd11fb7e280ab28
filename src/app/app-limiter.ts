import type { Coherence } from "../verify/coherence/coherence.ts";
import { createLimiter, type Limiter } from "../verify/limits/limiter.ts";
import { createPostgresStore } from "../verify/limits/postgres-store.ts";
import { createRedisStore } from "../verify/limits/redis/store.ts";
import type { AppDeps } from "./deps.ts";
import type { Reports } from "./reports.ts";

// Counters of rate limits in memory for each entry of the credential cache.
const countersPerEntry = 2;

/** Creates the rate limits of an instance, with the shared store of the settings. */
export function createAppLimiter(
  { config, lookups, metrics, limitTimeoutMs }: AppDeps,
  { isAlone }: Pick<Coherence, "isAlone">,
  reports: Reports,
): Limiter {
  const saved = createPostgresStore(lookups);
  return createLimiter({
    saved,
    store: config.redis ? createRedisStore(config.redis, limitTimeoutMs) : saved,
    isAlone,
    maxCounters: config.cacheEntries * countersPerEntry,
    timeoutMs: limitTimeoutMs,
    observer: {
      decided: metrics.limitDecided,
      forgotten: metrics.limitForgotten,
      away: reports.limitStoreAway,
    },
  });
}
