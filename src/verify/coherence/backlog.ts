import type { Clock } from "./clock.ts";

/** The invalidations of one guard: those that wait, and those that were sent and not acknowledged. */
export interface Backlog {
  /** Enqueues an invalidation. `*` is everything. */
  add(tags: readonly string[]): void;
  /** Takes everything that waits as one message. Returns undefined if nothing waits, or if too much is unacknowledged. */
  take(): { number: number; tags: string[] } | undefined;
  /** Returns whether something waits. */
  isWaiting(): boolean;
  /** Returns whether an invalidation has not been acknowledged for more than `ms`. */
  isLate(ms: number): boolean;
  /** Returns whether every invalidation was acknowledged. */
  isApplied(): boolean;
  /** The guard has applied all invalidations up to this one. */
  acknowledge(number: number): void;
  /** Calls `applied` when the guard has acknowledged every invalidation so far. */
  whenApplied(applied: () => void): void;
  /** The guard can no longer use anything. It counts as if it had acknowledged every invalidation. */
  release(): void;
  /** Discards what waits, because the stream has ended. It was never sent, so it is never acknowledged. */
  end(): void;
}

// Further invalidations wait until the guard has acknowledged, and then travel in one message.
const maxUnacknowledged = 32;
// More tags than this become `*`, so that the backlog is bounded.
const maxWaitingTags = 1_000;

/** Creates the backlog of a guard that was sent nothing. */
export function createBacklog(clock: Clock): Backlog {
  // The numbers of the last invalidation that was added, sent and acknowledged.
  let added = 0;
  let sent = 0;
  let acknowledged = 0;
  let waiting = new Set<string>();
  let waitingSince = 0;
  let unacknowledged: { number: number; since: number }[] = [];
  const callbacks: { number: number; applied: () => void }[] = [];
  let ended = false;

  function settle(upTo: number): void {
    const first = callbacks.findIndex(({ number }) => number > upTo);
    for (const { applied } of callbacks.splice(0, first === -1 ? callbacks.length : first)) applied();
  }

  return {
    add(tags) {
      added += 1;
      if (ended) return;
      if (waiting.size === 0) waitingSince = clock.monotonic();
      for (const tag of tags) waiting.add(tag);
      if (waiting.size > maxWaitingTags || waiting.has("*")) waiting = new Set(["*"]);
    },
    take() {
      if (waiting.size === 0 || unacknowledged.length >= maxUnacknowledged) return undefined;
      const tags = [...waiting];
      waiting = new Set();
      sent = added;
      unacknowledged.push({ number: sent, since: waitingSince });
      return { number: sent, tags };
    },
    isWaiting: () => waiting.size > 0,
    isLate(ms) {
      const since = unacknowledged[0]?.since ?? (waiting.size > 0 ? waitingSince : undefined);
      return since !== undefined && clock.monotonic() - since > ms;
    },
    isApplied: () => acknowledged >= added,
    acknowledge(number) {
      // A guard cannot have applied what it was not sent.
      acknowledged = Math.max(acknowledged, Math.min(number, sent));
      unacknowledged = unacknowledged.filter((one) => one.number > acknowledged);
      settle(acknowledged);
    },
    whenApplied: (applied) => void callbacks.push({ number: added, applied }),
    release() {
      acknowledged = sent;
      unacknowledged = [];
      settle(added);
    },
    end() {
      ended = true;
      waiting = new Set();
    },
  };
}
