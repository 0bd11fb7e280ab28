import type { MemoryStore } from "./memory.ts";
import type { PostgresStore } from "./postgres-store.ts";
import type { SavedCounter, SharedStore } from "./store.ts";
import type { StoreHealth } from "./store-health.ts";

/** Where the limits are counted: in the memory of this instance, or in a store that instances share. */
export interface Place {
  isMemory(): boolean;
  /** Stops the watch. */
  stop(): void;
}

/** What the place depends on. */
export interface PlaceDeps {
  saved: PostgresStore;
  store: SharedStore;
  isAlone(): boolean;
  maxCounters: number;
  memory: MemoryStore;
  health: StoreHealth;
}

const checkIntervalMs = 100;
const countersPerStatement = 500;

/**
 * Watches whether this instance is alone, and moves the counters when that changes: from Postgres to the memory, or from the
 * memory to the shared store. Until the first counters are restored, the place is the shared store.
 */
export function watchPlace({ saved, store, isAlone, maxCounters, memory, health }: PlaceDeps): Place {
  let inMemory = false;
  let moving = false;

  // The memory has every counter that this instance saw. Those of others, and those from before its start, are in Postgres.
  // Others may count while the statement runs, so a load that began before this instance was alone is not enough.
  async function takeOver(): Promise<void> {
    const wasAlone = isAlone();
    memory.merge(await saved.load(maxCounters));
    inMemory = wasAlone && isAlone();
  }

  const handOver = () => mergeAll(store, memory.active(), Number.POSITIVE_INFINITY);

  async function comeBack(): Promise<void> {
    await store.ping();
    await handOver();
  }

  async function restore(): Promise<void> {
    await takeOver();
    if (store !== saved && !inMemory) await handOver();
  }

  // If a move fails, calls notice the same failure, and `health` reports it. A later check repeats the move.
  function move(how: () => Promise<void>): void {
    moving = true;
    how()
      .catch(() => undefined)
      .finally(() => {
        moving = false;
      });
  }

  function check(): void {
    if (moving) return;
    const alone = isAlone();
    if (inMemory && !alone) {
      inMemory = false;
      move(handOver);
    } else if (!inMemory && alone) move(takeOver);
    else if (!alone && health.mayTryAgain()) move(() => health.tryAgain(comeBack));
  }

  move(restore);
  const timer = setInterval(check, checkIntervalMs).unref();
  return {
    isMemory: () => inMemory && isAlone(),
    stop: () => clearInterval(timer),
  };
}

/** Raises the counters of a store in several statements. Stops after `maxMs`. */
export async function mergeAll(
  store: SharedStore,
  counters: readonly SavedCounter[],
  maxMs: number,
): Promise<void> {
  const end = performance.now() + maxMs;
  for (let n = 0; n < counters.length && performance.now() < end; n += countersPerStatement) {
    await store.merge(counters.slice(n, n + countersPerStatement));
  }
}
