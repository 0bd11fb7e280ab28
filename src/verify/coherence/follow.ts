import type { Db } from "../../db/connect.ts";
import type { Acknowledgements } from "./acknowledge.ts";
import type { Acks } from "./acks.ts";
import type { Clock } from "./clock.ts";
import { type Concerned, createConcerned } from "./concerned.ts";
import { type Feed, type FeedState, openFeed } from "./feed.ts";
import { ackChannel, feedChannel, type Invalidation, parseFeedMessage } from "./feed-message.ts";
import { type HeartbeatTimer, startHeartbeatTimer } from "./heartbeat-timer.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Lease, LeaseLength } from "./lease.ts";
import { createLeaseRegistration, readLeaseRegistry } from "./lease-registry.ts";
import type { CoherenceParts } from "./parts.ts";
import type { Watchers } from "./watchers.ts";

/** The parts of the protocol that the feed drives. */
export interface Parts {
  /** The random name of this instance. */
  self: string;
  lease: Lease;
  acknowledgements: Acknowledgements;
  acks: Acks;
  watchers: Watchers;
}

/** What following the feed depends on. */
export interface FollowDeps extends LeaseLength, Pick<CoherenceParts, "createHeartbeats"> {
  db: Db;
  listenUrl: string;
  clock: Clock;
  /** Called synchronously, in the order of the feed, with the tags of a change. */
  invalidate(tags: readonly string[]): void;
  onLost(): void;
  onFeed(state: FeedState): void;
  /** Called when a heartbeat came back and has extended the lease. */
  onHeartbeat(): void;
  onError(error: unknown): void;
}

/** The tags that evict every entry. */
export const everything = ["*"];

/** Follows the feed: passes its messages to the parts, and sends the heartbeats of this instance. */
export function followFeed(deps: FollowDeps, parts: Parts): { feed: Feed; timer: HeartbeatTimer } {
  const { db, clock, leaseMs, maxStalenessMs, invalidate, onError } = deps;
  const { self, lease, acknowledgements, acks, watchers } = parts;
  const concerned = createConcerned();
  // While the feed was lost, this instance has missed change markers that a cumulative acknowledgement would cover.
  let holds: (() => void)[] = [];
  const ownLeaseMs = leaseMs + maxStalenessMs;
  const registration = createLeaseRegistration(db, ownLeaseMs, leaseMs, clock.monotonic);
  const heartbeats = deps.createHeartbeats({
    db,
    clock,
    self,
    ownLeaseMs,
    server: () => feed.server(),
    onConfirmed(sentAt, databaseTime) {
      timer.restart();
      lease.confirm(sentAt, databaseTime);
      deps.onHeartbeat();
    },
    onWrongServer: () => feed.disconnect(),
    onError,
  });
  const sendHeartbeat = () => void registration.renew().then(heartbeats.send).catch(onError);
  const timer = startHeartbeatTimer({
    clock,
    leaseMs,
    isOpen: () => feed.server() !== undefined,
    sendHeartbeat,
    onLag: () => feed.disconnect(),
  });
  const feed = openFeed({
    url: deps.listenUrl,
    channels: [feedChannel, ackChannel(self)],
    onOpening: timer.restart,
    // If an instance registers a long lease after this read, this feed receives its heartbeats.
    prepare: () => readLeaseRegistry(db, leaseMs),
    onOpen(longestLeaseMs) {
      // What was loaded before LISTEN was established may have changed without a notification.
      invalidate(everything);
      lease.end();
      watchers.clear();
      const ending = holds;
      holds = [];
      watchers.whenApplied("all", () => {
        for (const release of ending) release();
      });
      heartbeats.reset();
      acknowledgements.opened(longestLeaseMs);
      timer.restart();
      sendHeartbeat();
    },
    onMessage: (payload) => receive(payload, { ...parts, heartbeats, concerned, invalidate }),
    onLost() {
      heartbeats.reset();
      deps.onLost();
      lease.suspend();
      watchers.clear();
      holds.push(acks.hold());
      concerned.reset();
      if (maxStalenessMs === 0) invalidate(everything);
      acknowledgements.lost();
    },
    onState: deps.onFeed,
    onError,
  });
  return { feed, timer };
}

interface Receivers extends Parts, Pick<FollowDeps, "invalidate"> {
  heartbeats: Heartbeats;
  concerned: Concerned;
}

function receive(payload: string, receivers: Receivers): void {
  const { self, acknowledgements, heartbeats, concerned } = receivers;
  const message = parseFeedMessage(payload);
  switch (message?.kind) {
    case "invalidation":
      receiveInvalidation(message, receivers);
      break;
    case "acknowledgement":
      acknowledgements.acknowledged(message.instance, Number(message.change));
      break;
    case "exact acknowledgement":
      for (const change of message.changes)
        acknowledgements.acknowledged(message.instance, Number(change), true);
      break;
    case "change marker":
      receiveMarker(message.instance, message.change, receivers);
      break;
    case "heartbeat":
      concerned.reset();
      acknowledgements.seen(message.instance, message.leaseMs);
      if (message.instance === self) heartbeats.received(message.number);
      break;
    case "departure":
      concerned.reset();
      acknowledgements.left(message.instance);
      break;
  }
}

function receiveInvalidation(message: Invalidation, { concerned, watchers, invalidate }: Receivers): void {
  concerned.add(message);
  if (message.tags.length === 0) return;
  invalidate(message.tags);
  watchers.invalidate(message);
}

// The change is applied here when the guards that may keep something of it have applied it too.
function receiveMarker(instance: string, change: string, receivers: Receivers): void {
  const { self, acknowledgements, acks, watchers, concerned } = receivers;
  const accounts = concerned.take();
  if (instance !== self) {
    watchers.whenApplied(accounts, acks.received(instance, change));
    return;
  }
  const number = Number(change);
  acknowledgements.received(number);
  watchers.whenApplied(accounts, () => acknowledgements.applied(number));
}
