import type { Counter } from "./bucket.ts";

/** A bounded table of counters. Counters that have drained are removed as new ones arrive. */
export interface CounterTable {
  get(key: string): Counter | undefined;
  /** Sets a counter. `at` is now. */
  set(key: string, level: number, perMs: number, at: number): void;
  entries(): Iterable<[string, Counter]>;
  size(): number;
}

// For each new counter, this many are examined, and those that have drained are removed. So the drained ones never grow.
const examinedPerNew = 4;

/**
 * Creates an empty table. `onForgotten` is called when a counter that has not drained is dropped, because the table has
 * `maxCounters` already.
 */
export function createCounterTable(maxCounters: number, onForgotten: () => void): CounterTable {
  const counters = new Map<string, Counter>();
  let cursor = counters.entries();

  function nextExamined(): [string, Counter] | undefined {
    const next = cursor.next();
    if (!next.done) return next.value;
    cursor = counters.entries();
    return undefined;
  }

  function makeRoom(time: number): void {
    let least: string | undefined;
    let leastMs = Number.POSITIVE_INFINITY;
    for (let n = 0; n < examinedPerNew; n++) {
      const [key, counter] = nextExamined() ?? nextExamined() ?? [];
      if (key === undefined || counter === undefined) return;
      const drainsInMs = counter.level / counter.perMs - (time - counter.at);
      if (drainsInMs <= 0) counters.delete(key);
      else if (drainsInMs < leastMs) [least, leastMs] = [key, drainsInMs];
    }
    if (counters.size < maxCounters || least === undefined) return;
    // Of the examined counters, the one that would drain first limits its caller the least.
    counters.delete(least);
    onForgotten();
  }

  return {
    get: (key) => counters.get(key),
    set(key, level, perMs, at) {
      const known = counters.get(key);
      if (known) {
        known.level = level;
        known.perMs = perMs;
        known.at = at;
      } else if (level > 0) {
        makeRoom(at);
        counters.set(key, { level, perMs, at });
      }
    },
    entries: () => counters,
    size: () => counters.size,
  };
}
