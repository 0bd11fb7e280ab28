import { type Db, followChanges, type Store } from "../db/connect.ts";
import type { Log } from "../infra/log.ts";
import { machineClock } from "../verify/coherence/clock.ts";
import { startCoherence } from "../verify/coherence/coherence.ts";
import { leaseMs } from "../verify/coherence/lease.ts";

/** The database of a process that serves nothing. */
export interface StoreSource {
  db: Db;
  /** The database without a pooler between, for the change feed. */
  listenUrl: string;
}

/**
 * Runs changes in a process that serves nothing, such as a command. Each change returns when it is effective at every
 * instance, as if an instance had made it.
 */
export async function withStore<T>(
  { db, listenUrl }: StoreSource,
  log: Log,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const coherence = startCoherence({
    db,
    listenUrl,
    clock: machineClock,
    leaseMs,
    maxStalenessMs: 0,
    // This process verifies nothing, so it has no cache to invalidate.
    invalidate() {},
    onLost() {},
    onFeed() {},
    onSettled() {},
    onError: (error) => log.warn({ error: String(error) }, "the change feed cannot be followed"),
  });
  try {
    return await work(followChanges(db, coherence));
  } finally {
    await coherence.stop();
  }
}
