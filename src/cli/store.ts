import { type Db, followChanges, type Store } from "../db/connect.ts";
import type { Log } from "../infra/log.ts";
import { machineClock } from "../verify/coherence/clock.ts";
import { startCoherence } from "../verify/coherence/coherence.ts";
import { leaseMs } from "../verify/coherence/lease.ts";

/** Where the changes of a process go, and where it hears of those of others. */
export interface StoreSource {
  db: Db;
  /** Where changes are told: the database itself, without a pooler between. */
  listenUrl: string;
}

/**
 * Runs the changes of a process that serves nothing, such as a command: each returns when it is effective at every
 * instance, as a change of an instance does.
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
    // It verifies nothing, so it keeps nothing that has to be forgotten.
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
