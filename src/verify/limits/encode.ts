import { drainOf } from "./bucket.ts";
import { counterKey } from "./counter-key.ts";
import { costOf, type LimitAction, type LimitAnswer, type LimitCall } from "./store.ts";

/** The calls of one statement, as parallel lists. A counter that several calls need is listed once. */
export interface EncodedCalls {
  /** The counters, in the order in which the store locks them. */
  keys: string[];
  limits: number[];
  /** How much drains in one millisecond. */
  rates: number[];
  /** For each pair of a call and a rule: the number of the call, the place of the counter from 1, what is added, what must fit. */
  calls: number[];
  slots: number[];
  amounts: number[];
  needs: number[];
}

/** Encodes calls for a shared store. */
export function encodeCalls(calls: readonly LimitCall[]): EncodedCalls {
  const rules = new Map(calls.flatMap((call) => call.rules.map((rule) => [counterKey(rule), rule] as const)));
  const counters = [...rules].sort(([a], [b]) => (a < b ? -1 : 1));
  const slotOf = new Map(counters.map(([key], index) => [key, index + 1]));
  const items = calls.flatMap((call, index) =>
    call.rules.map((rule) => ({
      call: index,
      slot: slotOf.get(counterKey(rule)) ?? 0,
      amount: amounts[call.action](costOf(call, rule)),
      needed: call.action === "give back" ? 0 : costOf(call, rule),
    })),
  );
  return {
    keys: counters.map(([key]) => key),
    limits: counters.map(([, rule]) => rule.limit),
    rates: counters.map(([, rule]) => drainOf(rule)),
    calls: items.map(({ call }) => call),
    slots: items.map(({ slot }) => slot),
    amounts: items.map(({ amount }) => amount),
    needs: items.map(({ needed }) => needed),
  };
}

/** Returns the answer to each call. `levels` and `allowed` have one value for each pair of a call and a rule. */
export function decodeAnswers(
  calls: readonly LimitCall[],
  levels: readonly number[],
  allowed: readonly boolean[],
): LimitAnswer[] {
  let next = 0;
  return calls.map(({ rules }) => {
    const start = next;
    next += rules.length;
    return { allowed: allowed[start] ?? true, levels: levels.slice(start, next) };
  });
}

const amounts: Record<LimitAction, (cost: number) => number> = {
  take: (cost) => cost,
  "give back": (cost) => -cost,
  look: () => 0,
};
