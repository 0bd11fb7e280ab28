import type { Clock } from "../verify/coherence/clock.ts";
import { createLease, leaseMs } from "../verify/coherence/lease.ts";

/** A grant of the instance at the other end of the stream. */
export interface Grant {
  /** The number of the ping that it answers. */
  number: number;
  /** What was left of the instance's own lease when it answered, in milliseconds. Zero: the instance grants nothing now. */
  leftMs: number;
  /** The time of the database, never late, in milliseconds. */
  databaseTime: number;
  /** The name of the database server whose changes the instance passes on. */
  database: string;
}

/**
 * What keeps the cache of a guard coherent: pings, grants and invalidations of one ordered stream. It is pure, apart from
 * its clock. The argument is in docs/verification.md.
 */
export interface GuardCoherence {
  /** Returns the time of the database now, never late, in milliseconds. Undefined: the guard may not answer from its cache. */
  time(): number | undefined;
  /** Returns whether a response comes from the database server whose changes the guard receives. */
  isCurrent(database: string): boolean;
  /** Returns the number of a ping of this stream, from 1. Call it before the ping is sent. */
  ping(): number;
  granted(grant: Grant): void;
  /** Applies an invalidation. The guard may acknowledge it when this returns. */
  invalidated(tags: readonly string[]): void;
  /** Records that the stream ended. Its grants and its responses to pings are void. */
  lost(): void;
}

/** Creates the coherence of a cache. It holds no lease. */
export function createGuardCoherence(
  clock: Clock,
  invalidate: (tags: readonly string[]) => void,
): GuardCoherence {
  const everything = ["*"];
  const lease = createLease(clock, { leaseMs, maxStalenessMs: 0 }, () => invalidate(everything));
  /** When each ping without an answer was sent. */
  const sentAt = new Map<number, number>();
  let last = 0;
  let current = "";
  return {
    time: lease.time,
    isCurrent: (database) => database !== "" && database === current,
    ping() {
      last += 1;
      sentAt.set(last, clock.monotonic());
      return last;
    },
    granted({ number, leftMs, databaseTime, database }) {
      const at = sentAt.get(number);
      if (at === undefined) return;
      // The answers come in the order of the pings.
      for (const earlier of sentAt.keys()) if (earlier <= number) sentAt.delete(earlier);
      // The instance measured what is left after the ping was sent, so its own lease ends no earlier than this one.
      if (leftMs <= 0) return;
      current = database;
      // No instance has more left than a whole lease.
      lease.confirm(at, databaseTime, Math.min(leftMs, leaseMs));
    },
    invalidated(tags) {
      // The instance has lost its own lease, or ended ours.
      if (tags.includes("*")) lease.end();
      invalidate(tags);
    },
    lost() {
      sentAt.clear();
      last = 0;
      current = "";
      lease.end();
      invalidate(everything);
    },
  };
}
