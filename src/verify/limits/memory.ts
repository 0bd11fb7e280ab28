import type { RateLimitRule } from "../evaluate/draws.ts";
import { type Counter, drainOf, fits, type LimitState, levelAt, stateOf, tightestFirst } from "./bucket.ts";
import { createCounterKeys } from "./counter-key.ts";
import { createCounterTable } from "./counter-table.ts";
import { costOf, type LimitAnswer, type LimitCall, type SavedCounter, type Taken } from "./store.ts";

/** Counters in the memory of this process. */
export interface MemoryStore {
  /** Takes the cost from every rule, or from none. */
  take(rules: readonly RateLimitRule[], cost: number | undefined): Taken;
  giveBack(rules: readonly RateLimitRule[], cost: number | undefined): void;
  /** Returns the state of limits without taking. */
  look(rules: readonly RateLimitRule[], cost: number | undefined): Taken;
  /**
   * Sets counters to what a shared store answered, or raises them if they have counted calls since. Returns the result of the
   * call.
   */
  adopt(call: LimitCall, answer: LimitAnswer, raises: boolean): Taken;
  /** Raises counters to at least these levels. */
  merge(counters: Iterable<SavedCounter>): void;
  /** Returns the counters of these calls that have not drained. */
  countersOf(calls: readonly LimitCall[]): SavedCounter[];
  /** Returns the counters that have not drained. */
  active(): SavedCounter[];
  size(): number;
}

/** What the counters in memory depend on. */
export interface MemoryDeps {
  maxCounters: number;
  /** Monotonic time in milliseconds. */
  now(): number;
  wallTime(): number;
  /** Called when a counter that has not drained is dropped, because there are more than `maxCounters`. */
  onForgotten(): void;
}

/** Creates an empty store. */
// Over 60 lines: its loops share the counters, and run in each cached verification.
export function createMemoryStore({ maxCounters, now, wallTime, onForgotten }: MemoryDeps): MemoryStore {
  const counters = createCounterTable(maxCounters, onForgotten);
  const keyOf = createCounterKeys();

  // Plain loops, because this is a large part of the time of a cached verification.
  function run(rules: readonly RateLimitRule[], cost: number | undefined, takes: boolean): Taken {
    const time = now();
    let allowed = true;
    for (const rule of rules) {
      const level = levelAt(counters.get(keyOf(rule)), rule, time);
      if (!fits(level, cost ?? rule.cost, rule.limit)) allowed = false;
    }
    const wall = wallTime();
    const states: LimitState[] = [];
    for (const rule of rules) {
      const needed = cost ?? rule.cost;
      let level = levelAt(counters.get(keyOf(rule)), rule, time);
      if (allowed && takes && needed > 0) {
        level += needed;
        counters.set(keyOf(rule), level, drainOf(rule), time);
      }
      states.push(stateOf(rule, level, allowed ? undefined : needed, wall));
    }
    return { allowed, states: tightestFirst(states) };
  }

  return {
    take: (rules, cost) => run(rules, cost, true),
    look: (rules, cost) => run(rules, cost, false),
    giveBack(rules, cost) {
      const time = now();
      for (const rule of rules) {
        const key = keyOf(rule);
        const level = levelAt(counters.get(key), rule, time) - (cost ?? rule.cost);
        counters.set(key, Math.max(0, level), drainOf(rule), time);
      }
    },
    adopt(call, { allowed, levels }, raises) {
      const time = now();
      const wall = wallTime();
      const states = call.rules.map((rule, index) => {
        const level = levels[index] ?? 0;
        const known = raises ? levelAt(counters.get(keyOf(rule)), rule, time) : 0;
        counters.set(keyOf(rule), Math.max(level, known), drainOf(rule), time);
        return stateOf(rule, level, allowed ? undefined : costOf(call, rule), wall);
      });
      return { allowed, states: tightestFirst(states) };
    },
    merge(saved) {
      const time = now();
      for (const { key, level, perMs } of saved) {
        if (level > leftIn(counters.get(key), time)) counters.set(key, level, perMs, time);
      }
    },
    countersOf(calls) {
      const keys = new Set(calls.flatMap(({ rules }) => rules.map(keyOf)));
      return undrained(
        [...keys].map((key) => [key, counters.get(key)] as const),
        now(),
      );
    },
    active: () => undrained(counters.entries(), now()),
    size: counters.size,
  };
}

function leftIn(counter: Counter | undefined, time: number): number {
  return counter ? Math.max(0, counter.level - (time - counter.at) * counter.perMs) : 0;
}

function undrained(entries: Iterable<readonly [string, Counter | undefined]>, time: number): SavedCounter[] {
  const found: SavedCounter[] = [];
  for (const [key, counter] of entries) {
    const left = leftIn(counter, time);
    if (counter && left > 0) found.push({ key, level: left, perMs: counter.perMs });
  }
  return found;
}
