import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import type { Change, Changes } from "../../db/changes.ts";
import type { Db } from "../../db/connect.ts";
import type { Acknowledgements, Settled } from "./acknowledge.ts";
import { createAcks } from "./acks.ts";
import type { Clock } from "./clock.ts";
import type { FeedState } from "./feed.ts";
import { changeMarkerPayload, concernPayload, departurePayload, feedChannel } from "./feed-message.ts";
import { followFeed } from "./follow.ts";
import type { Lease, LeaseLength } from "./lease.ts";
import { readLeaseRegistry } from "./lease-registry.ts";
import { type CoherenceParts, productionParts } from "./parts.ts";
import { everything } from "./receive.ts";
import { createSettle } from "./settle.ts";
import { createWaiters } from "./waiters.ts";
import type { Watchers, WatchersDeps } from "./watchers.ts";

/** What keeps the cache of this process coherent with the database. */
export interface Coherence extends Changes, Pick<Lease, "time" | "staleTime"> {
  /**
   * Returns the server that is known to be the primary: the server of the feed, while the lease is held. The value is
   * the time at which the server started. Returns undefined if none is known. The cache keeps loads only from this server.
   */
  primary(): string | undefined;
  /** Returns whether no other instance serves. */
  isAlone(): boolean;
  /** Waits until every change that committed before is applied on all instances. */
  barrier(): Promise<unknown>;
  /** Resolves when the lease is held for the first time, or after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** The guards that watch this instance. */
  watchers: Watchers;
  /** Waits until no guard has a grant of this instance, announces that it stops, so that no change waits for it, and stops. */
  stop(): Promise<void>;
}

/** What coherence depends on. */
export interface CoherenceDeps extends LeaseLength {
  /** The pool that loads use. A heartbeat through it proves that the feed covers what loads see. */
  db: Db;
  listenUrl: string;
  clock: Clock;
  /** Called synchronously, in the order of the feed: evict every entry with one of these tags. `*` is every entry. */
  invalidate(tags: readonly string[]): void;
  /** Called when the feed is lost: discard the results of all loads in flight. */
  onLost(): void;
  /** Called when the state of the feed changes. */
  onFeed(state: FeedState): void;
  /** Called with how long a change waited for how many other instances, and how that ended. */
  onSettled(how: Settled, milliseconds: number, others: number): void;
  /** Called with how long this instance waited for guards, and how that ended. */
  onGuardsWaited?: WatchersDeps["onWaited"];
  /** Called when a statement of this protocol failed. */
  onError(error: unknown): void;
  /** Replaces parts of the protocol. Only fault tests set it. */
  parts?: CoherenceParts | undefined;
}

/** Starts to follow the change feed. docs/verification.md describes the protocol and argues why it holds. */
export function startCoherence(deps: CoherenceDeps): Coherence {
  const { db, clock, leaseMs, maxStalenessMs, invalidate } = deps;
  const { createAcknowledgements, createHeartbeats, createLease, createWatchers } =
    deps.parts ?? productionParts;
  let stopped = false;
  const onError = (error: unknown) => {
    // Errors while this instance stops are expected.
    if (!stopped) deps.onError(error);
  };
  const self = randomBytes(9).toString("hex");
  const acknowledgements = createAcknowledgements(self, leaseMs + maxStalenessMs, clock);
  const lease = createLease(clock, deps, () => {
    invalidate(everything);
    watchers.clear();
  });
  const held = () => {
    const own = lease.held();
    return own && { ...own, server: feed.server() };
  };
  const { onGuardsWaited } = deps;
  const watchers = createWatchers({ clock, held, ...(onGuardsWaited && { onWaited: onGuardsWaited }) });
  const acks = createAcks(db, self, onError);
  const waiters = createWaiters();
  const { feed, timer } = followFeed(
    { ...deps, createHeartbeats, onHeartbeat: waiters.wake, onError },
    { self, lease, acknowledgements, acks, watchers },
  );
  const settle = createSettle({
    acknowledgements,
    clock,
    leaseMs,
    readLongestLease: () => readLeaseRegistry(db, leaseMs),
    onSettled: deps.onSettled,
  });

  const begin = () => beginChange(self, acknowledgements, settle);
  return {
    time: lease.time,
    staleTime: lease.staleTime,
    primary: () => (lease.time() === undefined ? undefined : feed.server()),
    isAlone: acknowledgements.isAlone,
    begin,
    patienceMs: acknowledgements.patienceMs,
    barrier: () => barrier(db, begin()),
    async ready(timeoutMs) {
      if (lease.time() === undefined) await waiters.wait(timeoutMs);
    },
    watchers,
    async stop() {
      await watchers.stop();
      stopped = true;
      timer.stop();
      feed.stop();
      acks.stop();
      lease.end();
      invalidate(everything);
      // Without a feed, other instances cannot be reached. The lease of this one ends anyway.
      if (feed.server() !== undefined) await notify(db, departurePayload(self)).catch(onError);
      feed.disconnect();
    },
  };
}

function beginChange(
  self: string,
  acknowledgements: Pick<Acknowledgements, "begin" | "abandon">,
  settle: ReturnType<typeof createSettle>,
): Change {
  const change = acknowledgements.begin();
  return {
    changeMarker: changeMarkerPayload(self, change),
    concerns: concernPayload,
    settle: (timeLeftMs) => settle(change, timeLeftMs),
    abandon: () => acknowledgements.abandon(change),
  };
}

async function barrier(db: Db, change: Change): Promise<void> {
  try {
    await notify(db, change.concerns("all"), change.changeMarker);
  } catch (error) {
    change.abandon();
    throw error;
  }
  return change.settle();
}

async function notify(db: Db, ...payloads: string[]): Promise<void> {
  await sql`select ${sql.join(payloads.map((payload) => sql`pg_notify(${feedChannel}, ${payload})`))}`.execute(
    db,
  );
}
