import { DomainError } from "../../domain/kernel/error.ts";
import { type Backlog, createBacklog } from "./backlog.ts";
import type { Clock } from "./clock.ts";
import { createGrants, type Grant, type Grants, type Held } from "./grants.ts";
import { marginMs } from "./lease.ts";

/** A message to a guard. The numbers of invalidations increase. A grant without the time of the database grants nothing. */
export type WatchMessage =
  | ({ kind: "grant"; number: number } & Grant)
  | { kind: "invalidation"; number: number; tags: string[] };

/** The stream of one guard, as the service reads and writes it. */
export interface Watcher {
  /**
   * Waits for the next message. Call it again when the message was handed to the transport. Resolves to undefined after
   * `close`. Fails if the stream must end with an error.
   */
  next(): Promise<WatchMessage | undefined>;
  /** The guard asks for a grant. */
  ping(number: number): void;
  /** The guard has applied all invalidations up to this one. */
  acknowledge(number: number): void;
  /** The guard has given up its grants. */
  release(): void;
  /** Ends the stream, with an error if there is one. The guard may still use its grant. */
  close(error?: unknown): void;
}

/** The same stream, as the change feed drives it. */
export interface WatcherControl {
  watcher: Watcher;
  /** Enqueues an invalidation. `*` is everything. */
  invalidate(tags: readonly string[]): void;
  /**
   * Calls `applied` when the guard has acknowledged all invalidations so far. Returns the time (monotonic) after which the
   * guard can no longer use what they invalidated. Returns undefined, and calls nothing, if there is nothing to wait for.
   */
  whenApplied(applied: () => void): number | undefined;
  /** Returns the time (monotonic) after which the guard has no grant. */
  grantedUntil(): number;
  state(): WatcherState;
  /** Ends the stream with an error if the guard is silent, or if it acknowledges nothing. */
  checkAlive(): void;
}

/**
 * The state of a guard, for operators. `granted`: it has a grant, so changes wait for its acknowledgements. `idle`: it has no
 * grant. `late`: it has not acknowledged an invalidation in time, and gets no grant until it has. `ended`: its stream has
 * ended, and its grant has not.
 */
export type WatcherState = "granted" | "idle" | "late" | "ended";

/** What the stream of a guard depends on. */
export interface WatcherDeps {
  clock: Clock;
  held: Held;
  /** Called once when the stream has ended. */
  onClosed(): void;
}

/** A guard that has not acknowledged an invalidation for longer than this gets no grant until it has. */
export const lateMs = 100;
/** A guard that sends nothing for so long loses its stream. */
export const silentMs = 30_000;
/** A guard that has not acknowledged an invalidation for so long loses its stream. */
export const unacknowledgedMs = 10_000;

/** Creates the stream of a guard that has no grant. */
// Over 60 lines: its parts share the state of one stream.
export function createWatcher({ clock, held, onClosed }: WatcherDeps): WatcherControl {
  const backlog = createBacklog(clock);
  const grants = createGrants(clock, () =>
    backlog.isWaiting() || backlog.isLate(lateMs) ? undefined : held(),
  );
  let pinged: number | undefined;
  let wake = () => {};
  let heardAt = clock.monotonic();
  let closed = false;
  let failure: unknown;

  function take(): WatchMessage | undefined {
    const invalidation = backlog.take();
    if (invalidation) return { kind: "invalidation", ...invalidation };
    if (pinged === undefined) return undefined;
    const number = pinged;
    pinged = undefined;
    return { kind: "grant", number, ...grants.give() };
  }

  async function next(): Promise<WatchMessage | undefined> {
    for (;;) {
      if (failure !== undefined) throw failure;
      if (closed) return undefined;
      const message = take();
      if (message) return message;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function hear(then: () => void): void {
    heardAt = clock.monotonic();
    then();
    wake();
  }

  function close(error?: unknown): void {
    if (closed) return;
    closed = true;
    failure = error;
    backlog.end();
    wake();
    onClosed();
  }

  return {
    watcher: {
      next,
      ping: (number) =>
        hear(() => {
          pinged = number;
        }),
      acknowledge: (number) => hear(() => backlog.acknowledge(number)),
      release: () =>
        hear(() => {
          grants.release();
          backlog.release();
        }),
      close,
    },
    ...invalidating(clock, grants, backlog, () => wake()),
    state() {
      if (closed) return "ended";
      if (backlog.isLate(lateMs)) return "late";
      return grants.until() > clock.monotonic() ? "granted" : "idle";
    },
    checkAlive() {
      if (clock.monotonic() - heardAt > silentMs) close(lost("sent nothing for 30 seconds"));
      else if (backlog.isLate(unacknowledgedMs)) close(lost("acknowledged no invalidation for 10 seconds"));
    },
  };
}

function invalidating(
  clock: Clock,
  grants: Grants,
  backlog: Backlog,
  wake: () => void,
): Pick<WatcherControl, "invalidate" | "whenApplied" | "grantedUntil"> {
  return {
    invalidate(tags) {
      grants.invalidated();
      backlog.add(tags);
      wake();
    },
    whenApplied(applied) {
      const until = grants.usableUntil() + marginMs;
      if (backlog.isApplied() || until < clock.monotonic()) return undefined;
      backlog.whenApplied(applied);
      return until;
    },
    grantedUntil: () => grants.until() + marginMs,
  };
}

function lost(why: string): DomainError {
  return new DomainError("UNAVAILABLE", `the guard ${why}: open the stream again`);
}
