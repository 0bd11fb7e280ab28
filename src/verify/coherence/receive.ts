import type { AckOrder } from "./ack-order.ts";
import type { Acknowledgements } from "./acknowledge.ts";
import { type Concerned, createConcerned } from "./concerned.ts";
import { type Invalidation, parseFeedMessage } from "./feed-message.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Lease } from "./lease.ts";
import type { Watchers } from "./watchers.ts";

/** The parts of the protocol that the feed drives. */
export interface Parts {
  /** The random name of this instance. */
  self: string;
  lease: Lease;
  acknowledgements: Acknowledgements;
  acks: AckOrder;
  watchers: Watchers;
}

/** Passes the messages of the feed to the parts of the protocol. All functions are synchronous. */
export interface Receiver {
  /** The feed is open. No lease in the registry is longer than `longestLeaseMs`. */
  onOpen(longestLeaseMs: number): void;
  onMessage(payload: string): void;
  /** The feed was lost. Messages were missed from now until the feed is open again. */
  onLost(): void;
}

/** What a receiver depends on. */
export interface ReceiverDeps extends Parts {
  heartbeats: Pick<Heartbeats, "received" | "reset">;
  /** How long the cache may be served while the feed is lost, in milliseconds. */
  maxStalenessMs: number;
  /** Called with the tags of a change. `*` is everything. */
  invalidate(tags: readonly string[]): void;
  /** Called when the feed is lost: discard the results of all loads in flight. */
  onLost(): void;
}

/** The tags that evict every entry. */
export const everything = ["*"];

/** Creates the receiver of an instance whose feed is not open. */
export function createReceiver(deps: ReceiverDeps): Receiver {
  const { lease, acknowledgements, acks, watchers, heartbeats, maxStalenessMs, invalidate } = deps;
  const concerned = createConcerned();
  // While the feed was lost, this instance has missed change markers, which a cumulative acknowledgement would cover.
  let holds: (() => void)[] = [];
  return {
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
    },
    onMessage: (payload) => receive(payload, { ...deps, concerned }),
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
  };
}

interface Receivers extends ReceiverDeps {
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
