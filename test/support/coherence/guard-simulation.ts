import { expect } from "vitest";
import {
  changeMarkerPayload,
  concernPayload,
  departurePayload,
  heartbeatPayload,
} from "../../../src/verify/coherence/feed-message.ts";
import { leaseMs } from "../../../src/verify/coherence/lease.ts";
import { guardActions, isLeased, type SimulatedGuard, simulatedGuard } from "./simulated-guard.ts";
import {
  type Notification,
  type SimulatedInstance,
  type SimulatedParts,
  simulatedClock,
  simulatedInstance,
} from "./simulated-instance.ts";

// Simulates instances, guards and one database. Of the database, only the order of the commits is modelled. One value per
// account changes. The messages, leases, grants and acknowledgements are the real ones, on fake time.

const names = ["a".repeat(18), "b".repeat(18)];
const accounts = ["1", "2"];

interface World {
  feed: Notification[];
  instances: SimulatedInstance[];
  guards: SimulatedGuard[];
  /** The version of the last change of each account, and of the last one that is effective everywhere. */
  versions: Map<string, number>;
  settled: Map<string, number>;
  /** How many changes wait. */
  waiting: number;
  heartbeats: number;
}

/** Runs two instances and three guards: one of each account, and one of the platform. */
export function simulateGuards(parts: SimulatedParts) {
  const feed: Notification[] = [];
  const world: World = {
    feed,
    instances: names.map((name) => simulatedInstance(name, (one) => void feed.push(one), parts)),
    guards: [simulatedGuard("of 1", "1"), simulatedGuard("of 2", "2"), simulatedGuard("of the platform")],
    versions: new Map(accounts.map((account) => [account, 0])),
    settled: new Map(accounts.map((account) => [account, 0])),
    waiting: 0,
    heartbeats: 0,
  };
  for (const one of world.instances) actions.open?.(world, one, "");
  return {
    heartbeat: () => heartbeat(world),
    /** Performs one action of an instance. A frozen instance can only wake. */
    act(kind: string, index: number, account: number): void {
      const one = world.instances[index];
      if (one && (!one.frozen || kind === "wake")) actions[kind]?.(world, one, accounts[account] ?? "1");
    },
    /** Performs one action of a guard. A frozen guard can only wake. */
    actGuard(kind: string, index: number, instance: number): void {
      const [guard, at] = [world.guards[index], world.instances[instance]];
      if (guard && at && (!guard.frozen || kind === "wake")) guardActions[kind]?.(guard, at, world.versions);
    },
    check: () => check(world),
    unsettled: () => world.waiting,
    /** Returns how many guards could answer from their caches now. */
    served: () => world.guards.filter((guard) => isLeased(guard) && guard.cached.size > 0).length,
  };
}

/** Sends a heartbeat of every instance that listens and has none in flight. */
function heartbeat(world: World): void {
  for (const one of world.instances) {
    if (!one.open || one.frozen || one.heartbeat) continue;
    world.heartbeats += 1;
    one.heartbeat = { number: world.heartbeats, sentAt: simulatedClock.monotonic() };
    world.feed.push({ payload: heartbeatPayload(one.name, world.heartbeats, leaseMs) });
  }
}

/** Checks that no cache serves an older version than the last one that is effective everywhere. */
function check({ instances, guards, settled }: World): void {
  const caches = [
    ...instances.filter(({ lease }) => lease.time() !== undefined),
    ...guards.filter((guard) => isLeased(guard)),
  ];
  for (const { name, cached } of caches) {
    for (const [account, version] of cached)
      expect(version, `${name} of ${account}`).toBeGreaterThanOrEqual(settled.get(account) ?? 0);
  }
}

/** Sends the marker of a transaction. When it is effective everywhere, the present versions of these accounts count as settled. */
function mark(
  world: World,
  one: SimulatedInstance,
  of: readonly string[],
  concerns: string | undefined,
): void {
  const { feed, versions, settled } = world;
  const change = one.acknowledgements.begin();
  const reached = of.map((account) => [account, versions.get(account) ?? 0] as const);
  if (concerns) feed.push({ payload: concerns });
  feed.push({ payload: changeMarkerPayload(one.name, change) });
  world.waiting += 1;
  void one.acknowledgements.settle(change).then(() => {
    world.waiting -= 1;
    for (const [account, version] of reached)
      settled.set(account, Math.max(settled.get(account) ?? 0, version));
  });
}

function invalidate({ feed, versions }: World, of: readonly string[], names = of): void {
  for (const account of of) versions.set(account, (versions.get(account) ?? 0) + 1);
  const items = [...of.map((account) => `key_${account}`), ...names.map((account) => `@acct_${account}`)];
  feed.push({ payload: `i ${items.join(" ")}` });
}

function change(world: World, one: SimulatedInstance, of: readonly string[]): void {
  invalidate(world, of);
  mark(world, one, of, concernPayload([]));
}

type Action = (world: World, one: SimulatedInstance, account: string) => void;

const actions: Record<string, Action> = {
  deliver({ feed }, one) {
    if (one.position === undefined) return;
    const message = feed[one.position];
    if (!message) return;
    one.position += 1;
    if (message.to === undefined || message.to === one.name) one.receiver.onMessage(message.payload);
  },
  change: (world, one, account) => change(world, one, [account]),
  changeBoth: (world, one) => change(world, one, accounts),
  // A call that finds that another one has just made its change.
  repeat: (world, one, account) => mark(world, one, [account], concernPayload([`acct_${account}`])),
  barrier: (world, one) => mark(world, one, accounts, concernPayload("all")),
  psql: (world, _one, account) => invalidate(world, [account]),
  // A transaction that began before the triggers named accounts.
  oldTrigger(world, one, account) {
    invalidate(world, [account], []);
    mark(world, one, [account], concernPayload([]));
  },
  // A repeat at a server that does not name accounts.
  oldServer: (world, one, account) => mark(world, one, [account], undefined),
  read({ versions }, one) {
    if (!one.open || one.lease.time() === undefined) return;
    for (const [account, version] of versions) one.cached.set(account, version);
  },
  lose: (_, one) => lose(one),
  listen({ feed }, one) {
    lose(one);
    one.position = feed.length;
  },
  open({ feed }, one) {
    if (one.open) return;
    one.position ??= feed.length;
    one.receiver.onOpen(leaseMs);
    one.open = true;
  },
  freeze(_, one) {
    one.frozen = true;
  },
  wake(_, one) {
    one.frozen = false;
  },
  // The instance waits for its guards, and then announces its departure.
  stop({ feed }, one) {
    if (!one.open || one.stopped) return;
    one.stopped = true;
    void one.watchers.stop().then(() => {
      one.lease.end();
      one.cached.clear();
      if (one.position === undefined) return;
      feed.push({ payload: departurePayload(one.name) });
      lose(one);
    });
  },
};

function lose(one: SimulatedInstance): void {
  if (one.position === undefined) return;
  one.position = undefined;
  one.open = false;
  one.receiver.onLost();
}
