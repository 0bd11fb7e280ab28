import type { Db } from "../../db/connect.ts";
import type { Clock } from "./clock.ts";
import { type Feed, type FeedState, openFeed } from "./feed.ts";
import { ackChannel, feedChannel } from "./feed-message.ts";
import { type HeartbeatTimer, startHeartbeatTimer } from "./heartbeat-timer.ts";
import type { LeaseLength } from "./lease.ts";
import { createLeaseRegistration, readLeaseRegistry } from "./lease-registry.ts";
import type { CoherenceParts } from "./parts.ts";
import { createReceiver, type Parts, type ReceiverDeps } from "./receive.ts";

/** What following the feed depends on. */
export interface FollowDeps
  extends LeaseLength,
    Pick<CoherenceParts, "createHeartbeats">,
    Pick<ReceiverDeps, "invalidate" | "onLost"> {
  db: Db;
  listenUrl: string;
  clock: Clock;
  onFeed(state: FeedState): void;
  /** Called when a heartbeat came back and has extended the lease. */
  onHeartbeat(): void;
  onError(error: unknown): void;
}

/** Follows the feed: passes its messages to the parts, and sends the heartbeats of this instance. */
export function followFeed(deps: FollowDeps, parts: Parts): { feed: Feed; timer: HeartbeatTimer } {
  const { db, clock, leaseMs, maxStalenessMs, onError } = deps;
  const { self, lease } = parts;
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
  const receiver = createReceiver({ ...deps, ...parts, heartbeats });
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
      receiver.onOpen(longestLeaseMs);
      timer.restart();
      sendHeartbeat();
    },
    onMessage: receiver.onMessage,
    onLost: receiver.onLost,
    onState: deps.onFeed,
    onError,
  });
  return { feed, timer };
}
