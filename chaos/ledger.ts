import { quantile } from "../bench/closed-loop.ts";
import type { Fault, GuardFault } from "./faults.ts";
import type { GuardedService } from "./guard.ts";
import type { Instance } from "./instance.ts";

/**
 * Records when the revocation of each key returned, and when the latest verification began that accepted the key. Both
 * times are from one clock in one process.
 */
export interface Ledger {
  /** Returns the next key to revoke, or undefined if none is left. */
  next(): number | undefined;
  /** Returns a key to verify: mostly one that is revoked about now, sometimes any. */
  keyToVerify(): number;
  verified(key: number, startedAt: number, accepted: boolean): void;
  /** Records that a guard answered from its own cache. */
  servedByGuard(): void;
  /** Records that the revocation of a key returned just now. It took `durationMs`. */
  revoked(key: number, durationMs: number): void;
  /** Records how long a revocation took that no fault affected. */
  revokedWithoutFault(durationMs: number): void;
  /** Records a revocation that failed or timed out. */
  unanswered(): void;
  /** The instances and guards under a fault now. */
  faulty: Set<Instance | GuardedService>;
  /** How often each fault happened. */
  faults: Partial<Record<Fault | GuardFault, number>>;
  /** Returns one line about the progress. */
  line(): string;
  outcome(): Omit<Outcome, "seconds">;
}

/** The result of a scenario. Times are in milliseconds. */
export interface Outcome {
  revoked: number;
  /** How many keys an instance accepted in a verification that began after the revocation of the key had returned. */
  late: number;
  /** The longest time between the return of a revocation and the start of such a verification. */
  worstMs: number;
  verifications: number;
  /** How many verifications a guard answered from its own cache. */
  guarded: number;
  /** Revocations that failed or timed out. */
  unanswered: number;
  p50: number;
  p99: number;
  /** The slowest revocation through the instance without faults, while no fault affected the database. */
  slowestWithoutFault: number;
  faults: Partial<Record<Fault | GuardFault, number>>;
  seconds: number;
}

const never = Number.NEGATIVE_INFINITY;
// Most verifications take a key at most this many places from the key that is revoked next.
const nearby = 40;

/** Creates a ledger of `count` keys, numbered from `first`. `next` ends when `enough` revocations have returned. */
export function openLedger(first: number, count: number, enough: number): Ledger {
  const returnedAt = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const acceptedAt = new Float64Array(count).fill(never);
  const durations: number[] = [];
  const faulty: Ledger["faulty"] = new Set();
  const faults: Ledger["faults"] = {};
  let nextIndex = 0;
  let verifications = 0;
  let unanswered = 0;
  let guarded = 0;
  let slowestWithoutFault = 0;

  return {
    faulty,
    faults,
    next() {
      if (nextIndex >= count || durations.length >= enough) return undefined;
      nextIndex += 1;
      return first + nextIndex - 1;
    },
    keyToVerify() {
      return first + Math.min(count - 1, Math.max(0, randomIndex(nextIndex, count)));
    },
    verified(key, startedAt, accepted) {
      verifications += 1;
      const index = key - first;
      if (accepted && startedAt > (acceptedAt[index] ?? never)) acceptedAt[index] = startedAt;
    },
    servedByGuard() {
      guarded += 1;
    },
    revoked(key, durationMs) {
      returnedAt[key - first] = performance.now();
      durations.push(durationMs);
    },
    revokedWithoutFault(durationMs) {
      slowestWithoutFault = Math.max(slowestWithoutFault, durationMs);
    },
    unanswered() {
      unanswered += 1;
    },
    line() {
      const { late } = lateAcceptances(returnedAt, acceptedAt);
      return `${durations.length} revoked, ${late} accepted late, ${verifications} verifications`;
    },
    outcome() {
      const sorted = durations.toSorted((a, b) => a - b);
      return {
        ...lateAcceptances(returnedAt, acceptedAt),
        revoked: durations.length,
        verifications,
        guarded,
        unanswered,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        slowestWithoutFault,
        faults,
      };
    },
  };
}

// Returns mostly an index near that of the next revocation, and sometimes any.
function randomIndex(nextIndex: number, count: number): number {
  return Math.random() < 0.7
    ? nextIndex - nearby + Math.floor(Math.random() * (nearby + 10))
    : Math.floor(Math.random() * count);
}

// Counts the keys that a verification accepted although it began after their revocation had returned.
function lateAcceptances(
  returnedAt: Float64Array,
  acceptedAt: Float64Array,
): { late: number; worstMs: number } {
  let [late, worstMs] = [0, 0];
  for (const [index, at] of returnedAt.entries()) {
    const after = (acceptedAt[index] ?? never) - at;
    if (after <= 0) continue;
    late += 1;
    worstMs = Math.max(worstMs, after);
  }
  return { late, worstMs };
}
