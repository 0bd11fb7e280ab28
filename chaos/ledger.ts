import { quantile } from "../bench/closed-loop.ts";
import type { Fault } from "./faults.ts";
import type { Instance } from "./instance.ts";
import type { Outcome } from "./scenario.ts";

/** When each key was revoked, and when the latest verification began that accepted it: one clock, in one process. */
export interface Ledger {
  /** The next key to revoke, if any is left. */
  next(): number | undefined;
  /** A key that is about to be revoked, or just was, or any. */
  somewhereNear(): number;
  verified(key: number, startedAt: number, accepted: boolean): void;
  /** The revocation of a key returned just now. */
  revoked(key: number, took: number): void;
  untouched(took: number): void;
  unanswered(): void;
  /** Instances to which something is being done. */
  struck: Set<Instance>;
  faults: Partial<Record<Fault, number>>;
  line(): string;
  outcome(): Omit<Outcome, "seconds">;
}

const never = Number.NEGATIVE_INFINITY;
// How far from the front of revocations most verifications are.
const nearby = 40;

/** Opens the ledger of `count` keys, of which the first is number `first`, for so many revocations that return. */
export function openLedger(first: number, count: number, enough: number): Ledger {
  const returnedAt = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const acceptedAt = new Float64Array(count).fill(never);
  const times: number[] = [];
  const struck = new Set<Instance>();
  const faults: Ledger["faults"] = {};
  let front = 0;
  let verifications = 0;
  let unanswered = 0;
  let slowestUntouched = 0;

  function late(): { late: number; worstMs: number } {
    let [late, worstMs] = [0, 0];
    for (const [index, at] of returnedAt.entries()) {
      const after = (acceptedAt[index] ?? never) - at;
      if (after <= 0) continue;
      late += 1;
      worstMs = Math.max(worstMs, after);
    }
    return { late, worstMs };
  }

  return {
    struck,
    faults,
    next() {
      if (front >= count || times.length >= enough) return undefined;
      front += 1;
      return first + front - 1;
    },
    somewhereNear() {
      const index =
        Math.random() < 0.7
          ? front - nearby + Math.floor(Math.random() * (nearby + 10))
          : Math.floor(Math.random() * count);
      return first + Math.min(count - 1, Math.max(0, index));
    },
    verified(key, startedAt, accepted) {
      verifications += 1;
      const index = key - first;
      if (accepted && startedAt > (acceptedAt[index] ?? never)) acceptedAt[index] = startedAt;
    },
    revoked(key, took) {
      returnedAt[key - first] = performance.now();
      times.push(took);
    },
    untouched(took) {
      slowestUntouched = Math.max(slowestUntouched, took);
    },
    unanswered() {
      unanswered += 1;
    },
    line: () => `${times.length} revoked, ${late().late} accepted late, ${verifications} verifications`,
    outcome() {
      const sorted = times.toSorted((a, b) => a - b);
      return {
        ...late(),
        revoked: times.length,
        verifications,
        unanswered,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        slowestUntouched,
        faults,
      };
    },
  };
}
