import type { MemoryStore } from "./memory.ts";
import type { PendingCalls } from "./pending-calls.ts";
import type { PostgresStore } from "./postgres-store.ts";
import type { SavedCounter, SharedStore } from "./store.ts";
import type { StoreHealth } from "./store-health.ts";

/** Where the limits are counted: in the memory of this instance, or in a store that instances share. */
export interface Place {
  /** Returns whether calls count in the memory. From the moment at which another instance starts, they count in the shared store. */
  isMemory(): boolean;
  /** Returns what a call must wait for before it counts, if the place is about to change. */
  change(): Promise<void> | undefined;
  /** Returns whether the memory may have counted calls that an answer of the shared store does not contain. */
  isTakingOver(): boolean;
  /** Returns whether the shared store may lack counters that the memory has. */
  isStoreBehind(): boolean;
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
  pending: Pick<PendingCalls, "none">;
}

const checkIntervalMs = 100;
const countersPerStatement = 500;

/**
 * Watches whether this instance is alone, and moves the counters when that changes: from Postgres to the memory, or from the
 * memory to the shared store. Until the first counters are restored, the place is the shared store.
 *
 * No call of this instance is lost or counted twice by a move. Before the memory takes over, new calls wait until the shared store has
 * answered the earlier ones. While the store is behind, each call first raises its own counters there.
 */
export function watchPlace(deps: PlaceDeps): Place {
  const { saved, store, isAlone, maxCounters, memory, health, pending } = deps;
  let inMemory = false;
  let takingOver = false;
  let behind = false;
  const moves = createMoves();
  let change: Promise<void> | undefined;

  // The memory has every counter that this instance saw. Those of others, and those from before its start, are in Postgres.
  // Another instance may count while the load runs. So a load that began before this instance was alone may lack calls.
  async function takeOver(): Promise<void> {
    takingOver = true;
    try {
      const wasAlone = isAlone();
      memory.merge(await saved.load(maxCounters));
      if (!wasAlone || !isAlone()) return;
      change = pending.none();
      await change;
      inMemory = isAlone();
      if (inMemory) behind = false;
    } finally {
      change = undefined;
      takingOver = false;
    }
  }

  async function handOver(): Promise<void> {
    await mergeAll(store, memory.active(), Number.POSITIVE_INFINITY);
    behind = false;
  }

  function isMemory(): boolean {
    if (inMemory && !isAlone()) {
      inMemory = false;
      behind = true;
    }
    return inMemory;
  }

  function check(): void {
    if (isMemory() || moves.isMoving()) return;
    if (isAlone()) moves.start(takeOver);
    else if (health.mayTryAgain()) moves.start(() => health.tryAgain(() => store.ping().then(handOver)));
    else if (behind && !health.isAway()) moves.start(handOver);
  }

  moves.start(async () => {
    await takeOver();
    if (store !== saved && !inMemory) await handOver();
  });
  const timer = setInterval(check, checkIntervalMs).unref();
  return {
    isMemory,
    change: () => change,
    isTakingOver: () => takingOver,
    isStoreBehind: () => behind,
    stop: () => clearInterval(timer),
  };
}

// If a move fails, a later check repeats it. If the store is away, calls notice it, and `health` reports it.
function createMoves() {
  let moving = false;
  return {
    isMoving: () => moving,
    start(move: () => Promise<void>): void {
      moving = true;
      move()
        .catch(() => undefined)
        .finally(() => {
          moving = false;
        });
    },
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
