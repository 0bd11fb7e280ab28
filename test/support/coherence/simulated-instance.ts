import { createAckOrder } from "../../../src/verify/coherence/ack-order.ts";
import { type Acknowledgements, createAcknowledgements } from "../../../src/verify/coherence/acknowledge.ts";
import { ackPayload, exactAckPayload } from "../../../src/verify/coherence/feed-message.ts";
import { createLease, type Lease, leaseMs } from "../../../src/verify/coherence/lease.ts";
import { createReceiver, type Receiver } from "../../../src/verify/coherence/receive.ts";
import { createWatchers, type Watchers } from "../../../src/verify/coherence/watchers.ts";

/** The clock of a simulation: fake time. */
export const simulatedClock = { monotonic: () => performance.now(), wall: () => performance.now() };

/** The parts of the guard protocol that a test can replace by broken ones. */
export interface SimulatedParts {
  createWatchers: typeof createWatchers;
  createAckOrder: typeof createAckOrder;
}

/** The real parts. */
export const realParts: SimulatedParts = { createWatchers, createAckOrder };

/** A notification. Without `to`, every instance receives it. */
export interface Notification {
  to?: string;
  payload: string;
}

/** An instance of a simulation. Only its cache and its heartbeats are simulated. */
export interface SimulatedInstance {
  name: string;
  lease: Lease;
  acknowledgements: Acknowledgements;
  watchers: Watchers;
  receiver: Receiver;
  /** The version that the cache holds of each account. */
  cached: Map<string, number>;
  /** The position up to which it has read the feed. Undefined: it does not listen. */
  position: number | undefined;
  /** Whether the feed counts as open. A connection that listens may not have got there. */
  open: boolean;
  frozen: boolean;
  stopped: boolean;
  heartbeat: { number: number; sentAt: number } | undefined;
}

/** Creates an instance that sends its acknowledgements with `send`. */
export function simulatedInstance(
  name: string,
  send: (notification: Notification) => void,
  { createWatchers, createAckOrder }: SimulatedParts,
): SimulatedInstance {
  const cached = new Map<string, number>();
  const lease = createLease(simulatedClock, { leaseMs, maxStalenessMs: 0 }, () => {});
  const acknowledgements = createAcknowledgements(name, leaseMs, simulatedClock);
  const watchers = createWatchers({ clock: simulatedClock, held: () => lease.held() });
  const acks = createAckOrder((to, due) =>
    send({
      to,
      payload: "upTo" in due ? ackPayload(name, due.upTo) : exactAckPayload(name, [due.exactly]),
    }),
  );
  const heartbeats = {
    received(number: string) {
      const { heartbeat } = made;
      if (!heartbeat || String(heartbeat.number) !== number) return;
      lease.confirm(heartbeat.sentAt, heartbeat.sentAt);
      made.heartbeat = undefined;
    },
    reset() {
      made.heartbeat = undefined;
    },
  };
  function invalidate(tags: readonly string[]): void {
    for (const tag of tags) {
      if (tag === "*") cached.clear();
      else cached.delete(tag.replace("key_", ""));
    }
  }
  const made: SimulatedInstance = {
    name,
    lease,
    acknowledgements,
    watchers,
    receiver: createReceiver({
      self: name,
      lease,
      acknowledgements,
      acks,
      watchers,
      heartbeats,
      maxStalenessMs: 0,
      invalidate,
      onLost: () => {},
    }),
    cached,
    position: undefined,
    open: false,
    frozen: false,
    stopped: false,
    heartbeat: undefined,
  };
  return made;
}
