import type { Clock } from "./clock.ts";

/**
 * How long a heartbeat lets memory be served, from the moment it was sent, if no staleness is allowed. All instances of
 * a database must have the same lease, because an instance that joins relies on it before it has heard the others.
 */
export const leaseMs = 1_000;
/** Two clocks of one rate differ by less than this within one lease. */
export const marginMs = 50;
/** By how much clocks may drift apart before nothing that they measured is believed. */
const maxDriftMs = 100;

/** The right to serve from memory: only while the change feed is known to be alive. */
export interface Lease {
  /**
   * The time of the database at this moment, never late, in milliseconds; undefined where memory may not be served now.
   * Ask for every request, and again after every wait.
   */
  time(): number | undefined;
  /** The same for as long as an operator allows memory to be stale. For when the database cannot be reached. */
  staleTime(): number | undefined;
  /** A beat sent at `sentAt` (monotonic) came back through the feed; the database's clock then said `databaseTime`. */
  confirm(sentAt: number, databaseTime: number): void;
  /** The feed was lost: nothing may be served until the next beat comes back, save what may be stale. */
  suspend(): void;
  /** Nothing may be served at all until the next beat comes back. */
  end(): void;
}

/** How long memory may be served after a heartbeat was sent. */
export interface LeaseLength {
  leaseMs: number;
  /** How much longer while the database cannot be reached. */
  maxStalenessMs: number;
}

/**
 * Creates a lease that is not held. `onSuspended` is called when the wall clock and the monotonic clock have drifted
 * apart: the machine was suspended or its clock was set, and what was measured before says nothing any more.
 */
export function createLease(
  clock: Clock,
  { leaseMs, maxStalenessMs }: LeaseLength,
  onSuspended: () => void,
): Lease {
  const never = Number.NEGATIVE_INFINITY;
  let until = never;
  let staleUntil = never;
  // The database's clock, less the monotonic one.
  let ahead = 0;
  let lastSentAt = never;
  let offset = clock.wall() - clock.monotonic();

  function end(): void {
    until = never;
    staleUntil = never;
  }

  function drifted(monotonic: number): boolean {
    const now = clock.wall() - monotonic;
    if (Math.abs(now - offset) <= maxDriftMs) return false;
    offset = now;
    end();
    onSuspended();
    return true;
  }

  function timeUntil(end: number): number | undefined {
    const monotonic = clock.monotonic();
    return monotonic < end && !drifted(monotonic) ? monotonic + ahead : undefined;
  }

  return {
    time: () => timeUntil(until),
    staleTime: () => timeUntil(staleUntil),
    confirm(sentAt, databaseTime) {
      const monotonic = clock.monotonic();
      // A beat that was under way when the clocks drifted measured nothing.
      if (drifted(monotonic) || sentAt <= lastSentAt) return;
      // Slow drift is ordinary: clocks are steered. Only a jump between two beats is not.
      offset = clock.wall() - monotonic;
      lastSentAt = sentAt;
      until = sentAt + leaseMs;
      staleUntil = maxStalenessMs > 0 ? until + maxStalenessMs : never;
      ahead = databaseTime - sentAt;
    },
    suspend() {
      until = never;
    },
    end,
  };
}
