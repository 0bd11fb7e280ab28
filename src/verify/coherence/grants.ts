import type { Clock } from "./clock.ts";

/** The lease of an instance, as a grant passes it on. */
export interface HeldLease {
  /** When it ends (monotonic). */
  until: number;
  /** The time of the database now, never late. */
  time: number;
  /** The database server that the change feed comes from, by the time at which it started. */
  server?: string | undefined;
}

/** Returns the lease of this instance. Undefined: no grant now. */
export type Held = () => HeldLease | undefined;

/** What an instance grants. */
export interface Grant {
  leftMs: number;
  /** Undefined if nothing is left. */
  databaseTime: number | undefined;
  server?: string | undefined;
}

/** The grants of one guard. All times are monotonic. */
export interface Grants {
  /** Gives a grant: what is left of the lease. Zero, without the time of the database, is none. */
  give(): Grant;
  /** Records that the guard must drop something. */
  invalidated(): void;
  /** Returns until when the guard may use what the last invalidation named, if it does not receive it. */
  usableUntil(): number;
  /** Returns when the last grant ends. */
  until(): number;
  /** Ends all grants, because the guard has given them up. */
  release(): void;
}

const never = Number.NEGATIVE_INFINITY;

/** Creates the grants of a guard that has none. */
export function createGrants(clock: Clock, held: Held): Grants {
  let granted = never;
  // The end of the last grant that was given before the last invalidation. The guard uses a later grant only after it has
  // applied that invalidation, because the stream has an order.
  let usable = never;
  return {
    // The guard counts from the moment at which it sent its ping, which was earlier. So its grant ends no later than the lease.
    give() {
      const lease = held();
      const leftMs = lease ? Math.floor(lease.until - clock.monotonic()) : 0;
      if (!lease || leftMs <= 0) return { leftMs: 0, databaseTime: undefined };
      granted = Math.max(granted, lease.until);
      return { leftMs, databaseTime: lease.time, server: lease.server };
    },
    invalidated() {
      usable = granted;
    },
    usableUntil: () => usable,
    until: () => granted,
    release() {
      granted = never;
      usable = never;
    },
  };
}
