import { DomainError } from "../../domain/kernel/error.ts";
import type { Clock } from "./clock.ts";
import { accountsOf, concernsGuards } from "./concerned.ts";
import type { Accounts, Invalidation } from "./feed-message.ts";
import {
  createWatcher,
  type Watcher,
  type WatcherControl,
  type WatcherDeps,
  type WatcherState,
} from "./watcher.ts";
import { createWatcherGroups, type WatcherGroups } from "./watcher-groups.ts";

/**
 * The guards that watch this instance. It passes invalidations on to them, and detects when they have applied a change. The
 * argument is in docs/verification.md.
 */
export interface Watchers {
  /**
   * Opens the stream of a guard. It receives the changes of one account, or of every account if none is named. Fails if
   * there are too many streams, or if this instance stops.
   */
  open(accountId: string | undefined): Watcher;
  /** Passes an invalidation on to the guards that may keep something of it. */
  invalidate(message: Invalidation): void;
  /** Tells all guards to drop everything. It also ends their grants. */
  clear(): void;
  /**
   * Calls `applied` once: when every guard that may keep something of these accounts has applied all invalidations so
   * far, or can no longer use what they invalidated. Calls it at once if that is so already.
   */
  whenApplied(accounts: Accounts, applied: () => void): void;
  /** Gives no further grants, and tells all guards to drop everything. Resolves when no guard has a grant. */
  stop(): Promise<void>;
  /** Returns how many streams are open, or have ended while their guard has a grant. */
  count(): number;
  /** Returns how many of them are in each state. */
  states(): Record<WatcherState, number>;
}

/** The most streams of one account at one instance. A stream counts until its grants have ended. */
export const maxWatchersPerAccount = 512;
/** The most streams of all accounts at one instance. Those of platform keys do not count. */
export const maxWatchers = 4_096;
// An account may have its most streams while so many places are free.
const plentyFree = maxWatchers / 2;
const checkMs = 5_000;
const everything = ["*"];

/** What watchers depend on. */
export interface WatchersDeps extends Pick<WatcherDeps, "clock" | "held"> {
  /** Called with how long this instance waited for guards before it acknowledged a change, and how that ended. */
  onWaited?(how: GuardsWaited, milliseconds: number): void;
}

/** How a wait for guards ended: each of them acknowledged the change, or the last grant of a silent one ended. */
export type GuardsWaited = "acknowledged" | "expired";

/** Creates the watchers of an instance: none. */
export function createWatchers({ clock, held, onWaited }: WatchersDeps): Watchers {
  const groups = createWatcherGroups(clock);
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;

  function checkAlive(): void {
    for (const one of [...groups.concernedBy("all")]) one.checkAlive();
    if (groups.size() > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function clear(): void {
    for (const one of groups.concernedBy("all")) one.invalidate(everything);
  }

  const whenApplied = (accounts: Accounts, applied: () => void) =>
    waitForAll(clock, groups.concernedBy(accounts), (how, milliseconds) => {
      if (how) onWaited?.(how, milliseconds);
      applied();
    });

  return {
    open(accountId) {
      if (stopping) throw new DomainError("UNAVAILABLE", "this server is shutting down: open another stream");
      if (isFull(groups, accountId)) throw tooMany();
      const one = createWatcher({
        clock,
        held: () => (stopping ? undefined : held()),
        onClosed: () => groups.removeAfterGrant(accountId, one),
      });
      groups.add(accountId, one);
      timer ??= setInterval(checkAlive, checkMs).unref();
      return one.watcher;
    },
    invalidate: (message) => passOn(groups, message),
    clear,
    whenApplied,
    stop() {
      if (!stopping) clear();
      stopping = true;
      return new Promise((resolve) => whenApplied("all", resolve));
    },
    count: groups.size,
    states() {
      const states = { granted: 0, idle: 0, late: 0, ended: 0 };
      for (const one of groups.concernedBy("all")) states[one.state()] += 1;
      return states;
    },
  };
}

// A tenant with many accounts could otherwise keep the guards of the platform out.
function isFull(groups: WatcherGroups, accountId: string | undefined): boolean {
  const own = groups.sizeOf(accountId);
  if (accountId === undefined) return own >= maxWatchersPerAccount;
  const free = maxWatchers - (groups.size() - groups.sizeOf(undefined));
  return free <= 0 || own >= shareOf(free);
}

// Returns how many guards an account may have while so many places are free. A few accounts with many guards would otherwise
// keep all other accounts out: the share shrinks with the square of what is free, so the last places go to many accounts.
function shareOf(free: number): number {
  const share = Math.floor(maxWatchersPerAccount * (free / plentyFree) ** 2);
  return Math.min(maxWatchersPerAccount, Math.max(1, share));
}

function passOn(groups: WatcherGroups, message: Invalidation): void {
  if (groups.size() === 0) return;
  const tags = message.tags.filter(concernsGuards);
  if (tags.length === 0) return;
  const accounts = accountsOf(message);
  if (accounts === "all") {
    for (const one of groups.concernedBy("all")) one.invalidate(everything);
    return;
  }
  for (const one of groups.ofEveryAccount()) one.invalidate(tags);
  // If there are several accounts, the message does not say whose each key is. No account may learn the keys of another.
  for (const id of accounts) {
    const own = accounts.size === 1 ? tags : [id];
    for (const one of groups.of(id)) one.invalidate(own);
  }
}

// Calls `applied` with how the wait ended. Undefined: there was no guard to wait for.
function waitForAll(
  clock: Clock,
  guards: Iterable<WatcherControl>,
  applied: (how: GuardsWaited | undefined, milliseconds: number) => void,
): void {
  const startedAt = clock.monotonic();
  let left = 0;
  let latest = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function finish(how: GuardsWaited): void {
    clearTimeout(timer);
    left = 0;
    applied(how, clock.monotonic() - startedAt);
  }

  function onApplied(): void {
    if (left === 1) finish("acknowledged");
    else left -= 1;
  }

  function onTime(): void {
    const rest = latest - clock.monotonic();
    if (rest < 0) finish("expired");
    else timer = setTimeout(onTime, Math.ceil(rest) + 1);
  }

  for (const one of guards) {
    const until = one.whenApplied(onApplied);
    if (until === undefined) continue;
    left += 1;
    latest = Math.max(latest, until);
  }
  if (left === 0) applied(undefined, 0);
  else onTime();
}

function tooMany(): DomainError {
  return new DomainError(
    "UNAVAILABLE",
    `too many guards watch this server: at most ${maxWatchersPerAccount} per account, fewer while less than ${plentyFree} of ${maxWatchers} places are free`,
  );
}
