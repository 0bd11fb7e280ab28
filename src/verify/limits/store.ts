import type { RateLimitRule } from "../evaluate/draws.ts";
import type { LimitState } from "./bucket.ts";

/** The result of a call that takes from limits. */
export interface Taken {
  /** Whether every limit had enough left. If one had not, nothing was taken from any. */
  allowed: boolean;
  /** The limits of the call. The first one refuses the call, or has the least left. */
  states: LimitState[];
}

/** What a call does with its limits: it takes its cost, returns what it took, or only looks. */
export type LimitAction = "take" | "give back" | "look";

/** A call of a shared store. */
export interface LimitCall {
  action: LimitAction;
  rules: readonly RateLimitRule[];
  /** Unset: each rule has its own cost. */
  cost: number | undefined;
}

/** What a shared store answers to a call. */
export interface LimitAnswer {
  allowed: boolean;
  /** The levels of the counters after the call, in the order of the rules. */
  levels: readonly number[];
}

/** A counter of a store, at the moment at which it is passed on. */
export interface SavedCounter {
  key: string;
  level: number;
  perMs: number;
}

/** Counters that several instances share. Every function fails if the store cannot be reached. */
export interface SharedStore {
  readonly name: "postgres" | "redis";
  /** Runs calls, one after the other. The answers have the order of the calls. */
  run(calls: readonly LimitCall[]): Promise<LimitAnswer[]>;
  /** Raises counters to at least these levels. */
  merge(counters: readonly SavedCounter[]): Promise<void>;
  /** Resolves if the store answers. */
  ping(): Promise<void>;
  close(): void;
}

/** Returns what a call needs from a rule. */
export function costOf({ cost }: Pick<LimitCall, "cost">, rule: RateLimitRule): number {
  return cost ?? rule.cost;
}
