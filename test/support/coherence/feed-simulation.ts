import { expect } from "vitest";
import { type Acknowledgements, createAcknowledgements } from "../../../src/verify/coherence/acknowledge.ts";
import { createLease, type Lease, leaseMs } from "../../../src/verify/coherence/lease.ts";

// Simulates several instances and one database. Of the database, only the order of the commits is modelled. One value
// changes, and each cache holds the version that a load saw. Leases and acknowledgements are the real ones, on fake time.

const clock = { monotonic: () => performance.now(), wall: () => performance.now() };

/** An instance of the simulation. */
export interface Instance {
  name: string;
  leaseMs: number;
  lease: Lease;
  acknowledgements: Acknowledgements;
  /** The version of the value in the cache, if the cache holds it. */
  cached: number | undefined;
  /** The position up to which it has read the feed. Undefined: it does not listen. */
  position: number | undefined;
  frozen: boolean;
}

type Message =
  | { kind: "invalidation" }
  | { kind: "change marker"; from: Instance; change: number }
  | { kind: "acknowledgement"; to: Instance; from: Instance; change: number }
  | { kind: "heartbeat"; from: Instance; sentAt: number }
  | { kind: "departure"; from: Instance };

interface World {
  instances: readonly Instance[];
  feed: Message[];
  /** The version of the last change. */
  version: number;
  /** The version of the last change that is effective everywhere. */
  settledVersion: number;
  /** How many changes wait. */
  waiting: number;
  /** The longest lease in the lease registry. Each instance registers its lease before its first heartbeat. */
  longestLeaseMs: number;
}

/** Creates an instance with a lease of this length. */
export function instance(name: string, ownLeaseMs = leaseMs): Instance {
  const made: Instance = {
    name,
    leaseMs: ownLeaseMs,
    lease: createLease(clock, { leaseMs, maxStalenessMs: ownLeaseMs - leaseMs }, () => {
      made.cached = undefined;
    }),
    acknowledgements: createAcknowledgements(name, ownLeaseMs, clock),
    cached: undefined,
    position: undefined,
    frozen: false,
  };
  return made;
}

/** Runs instances around one feed. */
export function simulate(instances: Instance[]) {
  const world: World = {
    instances,
    feed: [],
    version: 0,
    settledVersion: 0,
    waiting: 0,
    longestLeaseMs: leaseMs,
  };
  for (const one of instances) actions.open?.(world, one);
  return {
    heartbeat: () => heartbeat(world),
    /** Performs one action of an instance. A frozen instance can only wake. */
    act(kind: string, index: number): void {
      const one = instances[index];
      if (!one || (one.frozen && kind !== "wake")) return;
      actions[kind]?.(world, one);
    },
    check: () => check(world),
    longest: () => Math.max(...instances.map((one) => one.leaseMs)),
    unsettled: () => world.waiting,
  };
}

/** Sends a heartbeat of every instance that listens. */
function heartbeat(world: World): void {
  for (const one of world.instances) {
    if (one.position === undefined || one.frozen) continue;
    world.longestLeaseMs = Math.max(world.longestLeaseMs, one.leaseMs);
    world.feed.push({ kind: "heartbeat", from: one, sentAt: clock.monotonic() });
  }
}

/** Checks that no instance serves an older version than the last one that is effective everywhere. */
function check({ instances, settledVersion }: World): void {
  for (const { name, lease, cached } of instances) {
    const serves = lease.time() !== undefined || lease.staleTime() !== undefined;
    if (serves && cached !== undefined) expect(cached, name).toBeGreaterThanOrEqual(settledVersion);
  }
}

type Action = (world: World, one: Instance) => void;

const actions: Record<string, Action> = {
  deliver({ feed }, one) {
    if (one.position === undefined) return;
    const message = feed[one.position];
    if (!message) return;
    one.position += 1;
    receive(feed, one, message);
  },
  change(world, one) {
    const change = one.acknowledgements.begin();
    world.version += 1;
    const { version, longestLeaseMs } = world;
    world.feed.push({ kind: "invalidation" }, { kind: "change marker", from: one, change });
    world.waiting += 1;
    void one.acknowledgements.settle(change).then((how) => {
      world.waiting -= 1;
      // A wait that times out reads the lease registry, and waits until the longest lease has passed.
      const left = how === "timed out" ? Math.max(0, longestLeaseMs - one.leaseMs) : 0;
      const settle = () => {
        world.settledVersion = Math.max(world.settledVersion, version);
      };
      if (left === 0) settle();
      else setTimeout(settle, left);
    });
  },
  // A load that began under the lease and returned at once. It sees what has committed.
  read({ version }, one) {
    if (one.position !== undefined && one.lease.time() !== undefined) one.cached = version;
  },
  lose: (_, one) => lose(one),
  open({ feed, longestLeaseMs }, one) {
    lose(one);
    one.cached = undefined;
    one.lease.end();
    one.position = feed.length;
    one.acknowledgements.opened(longestLeaseMs);
  },
  freeze(_, one) {
    one.frozen = true;
  },
  wake(_, one) {
    one.frozen = false;
  },
  stop({ feed }, one) {
    if (one.position === undefined) return;
    one.lease.end();
    one.cached = undefined;
    feed.push({ kind: "departure", from: one });
    lose(one);
  },
};

function receive(feed: Message[], one: Instance, message: Message): void {
  switch (message.kind) {
    case "invalidation":
      one.cached = undefined;
      break;
    case "departure":
      one.acknowledgements.left(message.from.name);
      break;
    case "acknowledgement":
      if (message.to === one) one.acknowledgements.acknowledged(message.from.name, message.change);
      break;
    case "change marker":
      if (message.from === one) {
        one.acknowledgements.received(message.change);
        one.acknowledgements.applied(message.change);
      } else feed.push({ kind: "acknowledgement", to: message.from, from: one, change: message.change });
      break;
    case "heartbeat":
      one.acknowledgements.seen(message.from.name, message.from.leaseMs);
      if (message.from === one) one.lease.confirm(message.sentAt, message.sentAt);
      break;
  }
}

function lose(one: Instance): void {
  if (one.position === undefined) return;
  one.position = undefined;
  one.lease.suspend();
  if (one.leaseMs === leaseMs) one.cached = undefined;
  one.acknowledgements.lost();
}
