import type { RateLimitRule } from "../evaluate/draws.ts";
import { createCallQueue } from "./call-queue.ts";
import { createMemoryStore } from "./memory.ts";
import { createPendingCalls } from "./pending-calls.ts";
import { mergeAll, watchPlace } from "./place.ts";
import type { PostgresStore } from "./postgres-store.ts";
import type { LimitAnswer, LimitCall, SharedStore, Taken } from "./store.ts";
import { createStoreHealth } from "./store-health.ts";

/**
 * The rate limits of this instance. It counts in memory while it is the only instance, and answers at once. Otherwise it counts in
 * the store that all instances share. While that store is away, it counts in memory, so that no call fails because of it.
 */
export interface Limiter {
  /** Takes `cost`, or else each rule's own cost, from every rule, or from none. */
  take(rules: readonly RateLimitRule[], cost: number | undefined): Taken | Promise<Taken>;
  /** Gives back what a call took, if the call is then refused for another reason. */
  giveBack(rules: readonly RateLimitRule[], cost: number | undefined): void | Promise<void>;
  /** Returns what `take` would return, without taking. The states are those before the call. */
  look(rules: readonly RateLimitRule[], cost: number | undefined): Taken | Promise<Taken>;
  /** Saves the counters in memory to Postgres, and stops. */
  close(): Promise<void>;
}

/** The store that decided about a call: the memory of the only instance, a shared store, or the memory while the shared store is away. */
export type DecidedBy = "memory" | SharedStore["name"] | "local";

/** What a limiter depends on. */
export interface LimiterDeps {
  /** Where the counters in memory are saved. */
  saved: PostgresStore;
  /** The store that instances share: the same one, or Redis. */
  store: SharedStore;
  /** Returns whether no other instance serves. */
  isAlone(): boolean;
  maxCounters: number;
  observer: LimiterObserver;
  /** How long a call waits for the shared store at most, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** What a limiter reports. */
export interface LimiterObserver {
  /** Called for each call that takes. */
  decided(by: DecidedBy): void;
  /** Called when a counter is dropped that still limits a caller. */
  forgotten(): void;
  /** Called when the shared store is away, and when it is back. */
  away(isAway: boolean, error: unknown): void;
}

const defaultTimeoutMs = 250;
const maxPairs = 1_000;
const maxStatements = 2;
const maxWaiting = 10_000;
const queueLimits = { maxPairs, maxStatements, maxWaiting };
const maxCloseMs = 5_000;

/** Creates the limiter of an instance, and restores the counters that were saved. */
export function createLimiter(deps: LimiterDeps): Limiter {
  const { saved, store, maxCounters, observer, timeoutMs = defaultTimeoutMs } = deps;
  const memory = createMemoryStore({
    maxCounters,
    now: () => performance.now(),
    wallTime: Date.now,
    onForgotten: observer.forgotten,
  });
  const health = createStoreHealth(observer.away, timeoutMs);
  const queue = createCallQueue((calls) => health.guard(() => runBatch(calls)), queueLimits);
  const pending = createPendingCalls();
  const place = watchPlace({ ...deps, memory, health, pending });

  async function runBatch(calls: readonly LimitCall[]): Promise<LimitAnswer[]> {
    const counters = place.isStoreBehind() ? memory.countersOf(calls) : [];
    if (counters.length > 0) await store.merge(counters);
    return store.run(calls);
  }

  async function runShared(call: LimitCall): Promise<Taken> {
    try {
      const answer = await queue.run(call);
      const taken = memory.adopt(call, answer, place.isTakingOver());
      if (call.action === "take") observer.decided(store.name);
      return taken;
    } catch {
      return runInMemory(call, "local");
    }
  }

  function runInMemory({ action, rules, cost }: LimitCall, by: DecidedBy): Taken {
    if (action === "give back") memory.giveBack(rules, cost);
    if (action !== "take") return memory.look(rules, cost);
    observer.decided(by);
    return memory.take(rules, cost);
  }

  function run(call: LimitCall): Taken | Promise<Taken> {
    if (place.isMemory()) return runInMemory(call, "memory");
    const change = place.change();
    if (change) return change.then(() => run(call));
    return health.isAway() ? runInMemory(call, "local") : pending.run(() => runShared(call));
  }

  return {
    take: (rules, cost) => run({ action: "take", rules, cost }),
    giveBack(rules, cost) {
      const given = run({ action: "give back", rules, cost });
      return given instanceof Promise ? given.then(() => undefined) : undefined;
    },
    look: (rules, cost) => run({ action: "look", rules, cost }),
    async close() {
      place.stop();
      const isSaved = store === saved && !place.isMemory() && !place.isStoreBehind() && !health.isAway();
      if (!isSaved) await mergeAll(saved, memory.active(), maxCloseMs).catch(() => undefined);
      store.close();
    },
  };
}
