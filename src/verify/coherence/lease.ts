import type { Clock } from "./clock.ts";

/**
 * The length of a lease without staleness, in milliseconds. The lease starts when the heartbeat was sent. All instances
 * of a database must have the same length, because a new instance relies on it before it has received their heartbeats.
 */
export const leaseMs = 1_000;
/** The most by which two monotonic clocks differ within one lease, in milliseconds. */
export const marginMs = 50;
/**
 * If the wall clock and the monotonic clock drift apart by more than this, the instance trusts no earlier measurement. A
 * lease may hide this much twice, before and after its heartbeat came back. The margin must cover both.
 */
const maxDriftMs = 20;

/** The right to serve from the cache. An instance holds it only while it knows that the change feed is alive. */
export interface Lease {
  /**
   * Returns the time of the database now, never late, in milliseconds. Returns undefined if the instance may not serve
   * from the cache now. Call it for every request, and again after every wait.
   */
  time(): number | undefined;
  /** The same, extended by the staleness that the operator allows. For use while the database is unreachable. */
  staleTime(): number | undefined;
  /** Returns when the lease ends (monotonic) and the time of the database now. Returns undefined if it is not held. */
  held(): { until: number; time: number } | undefined;
  /**
   * Extends the lease: a heartbeat sent at `sentAt` (monotonic) came back through the feed. The database's clock showed
   * `databaseTime` in between. A guard passes how long its grant is, counted from `sentAt`.
   */
  confirm(sentAt: number, databaseTime: number, lengthMs?: number): void;
  /** Ends the lease because the feed was lost. Stale serving goes on for as long as the operator allows. */
  suspend(): void;
  /** Ends the lease and stale serving, until the next heartbeat comes back. */
  end(): void;
}

/** How long an instance may serve from the cache after it sent a heartbeat. */
export interface LeaseLength {
  leaseMs: number;
  /** How much longer while the database cannot be reached. */
  maxStalenessMs: number;
}

/**
 * Creates a lease that is not held. The lease calls `onSuspended` if the wall clock and the monotonic clock have drifted
 * apart: the machine was suspended or its clock was set. What the instance measured before is then invalid.
 */
export function createLease(
  clock: Clock,
  { leaseMs, maxStalenessMs }: LeaseLength,
  onSuspended: () => void,
): Lease {
  const never = Number.NEGATIVE_INFINITY;
  let until = never;
  let staleUntil = never;
  // The database's clock minus the monotonic clock.
  let ahead = 0;
  let lastSentAt = never;
  let offset = clock.wall() - clock.monotonic();

  function end(): void {
    until = never;
    staleUntil = never;
  }

  function drifted(monotonic: number): boolean {
    if (Math.abs(clock.wall() - monotonic - offset) <= maxDriftMs) return false;
    // A pause of this process between the two readings looks like drift, so both are read again.
    const now = clock.wall() - clock.monotonic();
    if (Math.abs(now - offset) <= maxDriftMs) return false;
    offset = now;
    // Every heartbeat or ping that was sent before now proves nothing, also if it comes back later.
    lastSentAt = monotonic;
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
    held() {
      const time = timeUntil(until);
      return time === undefined ? undefined : { until, time };
    },
    confirm(sentAt, databaseTime, lengthMs = leaseMs) {
      const monotonic = clock.monotonic();
      // A heartbeat that was in flight when the clocks drifted apart proves nothing.
      if (drifted(monotonic) || sentAt <= lastSentAt) return;
      // Slow drift is normal, because clocks are adjusted. A jump between two heartbeats is not.
      offset = clock.wall() - monotonic;
      lastSentAt = sentAt;
      until = sentAt + lengthMs;
      staleUntil = maxStalenessMs > 0 ? until + maxStalenessMs : never;
      ahead = databaseTime - sentAt;
    },
    suspend() {
      until = never;
    },
    end,
  };
}
