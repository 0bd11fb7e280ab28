import { expect, vi } from "vitest";
import { createGuardCoherence, type GuardCoherence } from "../../../src/guard/coherence.ts";
import { createGuardCache, type GuardCache, type GuardLoad } from "../../../src/guard/guard-cache.ts";
import { createLease, type Lease, leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";
import type { Watcher, WatchMessage } from "../../../src/verify/coherence/watcher.ts";
import { createWatchers, type Watchers } from "../../../src/verify/coherence/watchers.ts";

// Simulates one guard, the instance at the other end of its stream, and one database. Of the database, only the versions of
// some keys and the order of the commits are modelled. Everything between them takes any time. The lease and the watchers of the
// instance and the coherence and the cache of the guard are the real ones, on fake time.

const clock = { monotonic: () => performance.now(), wall: () => performance.now() };
const account = "acct_a";

/** The parts of the guard and of the wire that a control replaces. */
export interface SimulationParts {
  coherence(inner: GuardCoherence): GuardCoherence;
  cache(inner: GuardCache<number>): GuardCache<number>;
  /** Whether the guard acknowledges an invalidation before it applies it. */
  acknowledgesEarly: boolean;
  /** Whether a closed stream ends the grant of its guard. */
  closeEndsGrant: boolean;
}

/** The parts as in production. */
export const productionParts: SimulationParts = {
  coherence: (inner) => inner,
  cache: (inner) => inner,
  acknowledgesEarly: false,
  closeEndsGrant: false,
};

type ToInstance = { kind: "ping"; number: number } | { kind: "acknowledgement"; number: number };
type FeedMessage =
  | { kind: "invalidation"; key: string }
  | { kind: "marker"; settle: () => void }
  | { kind: "heartbeat"; sentAt: number };

/** A call of the guard to any instance. */
interface Call {
  key: string;
  load: GuardLoad<number> | undefined;
  /** The version that its statement saw, once the statement has run. */
  seen: number | undefined;
  /** The name of the database server that ran it. */
  database: string;
}

/** One stream, with what is under way in both directions. */
interface Stream {
  watcher: Watcher;
  toGuard: WatchMessage[];
  toInstance: ToInstance[];
  broken: boolean;
}

interface World {
  parts: SimulationParts;
  /** The present version of each key, and the last version whose change has returned. */
  version: Map<string, number>;
  returned: Map<string, number>;
  /** How many promotions there were, and when the last one was. */
  promotions: number;
  promotedAt: number;
  /** What the orphaned primary shows. */
  orphan: Map<string, number>;
  /** What the instance has not read of the change feed. */
  feed: FeedMessage[];
  calls: Call[];
  cache: GuardCache<number>;
  coherence: GuardCoherence;
  lease: Lease;
  watchers: Watchers;
  stream: Stream;
}

function openStream(watchers: Watchers): Stream {
  const watcher = watchers.open(account);
  const opened: Stream = { watcher, toGuard: [], toInstance: [], broken: false };
  void pump(opened);
  return opened;
}

async function pump({ watcher, toGuard }: Stream): Promise<void> {
  for (let message = await watcher.next(); message; message = await watcher.next()) toGuard.push(message);
}

function createWorld(parts: SimulationParts): World {
  const cache = parts.cache(createGuardCache<number>(100));
  const coherence = parts.coherence(createGuardCoherence(clock, cache.invalidate));
  const lease = createLease(clock, { leaseMs, maxStalenessMs: 0 }, () => undefined);
  const held = () => {
    const own = lease.held();
    return own && { ...own, server: serverOf(world.promotions) };
  };
  const watchers = createWatchers({ clock, held });
  const empty = () => new Map<string, number>();
  const times = { promotions: 0, promotedAt: Number.NEGATIVE_INFINITY };
  const versions = { version: empty(), returned: empty(), orphan: empty() };
  const stream = openStream(watchers);
  const world: World = {
    ...{ parts, ...versions, ...times, feed: [], calls: [] },
    ...{ cache, coherence, lease, watchers, stream },
  };
  return world;
}

const serverOf = (promotions: number) => `server ${promotions}`;
const keyOf = (n: number) => `key_${n % 2}`;

const actions: Record<string, (world: World, argument: number) => void> = {
  /** Another instance makes a change. It returns after the acknowledgement of this one, or after the longest wait. */
  change({ version, returned, feed }, n) {
    const key = keyOf(n);
    const made = (version.get(key) ?? 0) + 1;
    version.set(key, made);
    const settle = () => void returned.set(key, Math.max(returned.get(key) ?? 0, made));
    feed.push({ kind: "invalidation", key }, { kind: "marker", settle });
    setTimeout(settle, leaseMs + marginMs);
  },
  heartbeat: ({ feed }) => void feed.push({ kind: "heartbeat", sentAt: clock.monotonic() }),
  readFeed({ feed, lease, watchers, promotedAt }) {
    const message = feed.shift();
    if (message?.kind === "heartbeat") lease.confirm(message.sentAt, message.sentAt);
    if (message?.kind === "invalidation") {
      watchers.invalidate({ kind: "invalidation", tags: [message.key], accounts: [account] });
    }
    // A feed that is younger than the longest lease does not know all instances, so the change waits for the longest time.
    const knowsAll = clock.monotonic() > promotedAt + leaseMs + marginMs;
    if (message?.kind === "marker" && knowsAll) watchers.whenApplied(new Set([account]), message.settle);
  },
  /** A feed that is opened again missed what was sent meanwhile. */
  loseFeed({ feed, lease, watchers }) {
    lease.end();
    watchers.clear();
    feed.length = 0;
  },
  ping: ({ stream, coherence }) => void stream.toInstance.push({ kind: "ping", number: coherence.ping() }),
  toGuard({ stream, coherence, parts }) {
    const message = stream.broken ? undefined : stream.toGuard.shift();
    if (message?.kind === "grant") {
      const { number, leftMs, databaseTime = 0, server = "" } = message;
      coherence.granted({ number, leftMs, databaseTime, database: server });
    }
    if (message?.kind !== "invalidation") return;
    const apply = () => coherence.invalidated(message.tags);
    if (parts.acknowledgesEarly) setTimeout(apply, 5);
    else apply();
    stream.toInstance.push({ kind: "acknowledgement", number: message.number });
  },
  toInstance({ stream }) {
    const message = stream.broken ? undefined : stream.toInstance.shift();
    if (message?.kind === "ping") stream.watcher.ping(message.number);
    if (message?.kind === "acknowledgement") stream.watcher.acknowledge(message.number);
  },
  /** The guard calls any instance, whose statement runs later, and whose response arrives later still. */
  call({ calls, cache, coherence }, n) {
    const load = coherence.time() === undefined ? undefined : cache.begin();
    calls.push({ key: keyOf(n), load, seen: undefined, database: "" });
  },
  /** Another instance may use the orphaned primary until its own lease ends. */
  statement({ calls, version, orphan, promotions, promotedAt }, n) {
    const call = calls[n % Math.max(1, calls.length)];
    if (!call || call.seen !== undefined) return;
    const isOrphan = n % 2 === 1 && clock.monotonic() < promotedAt + leaseMs;
    call.seen = (isOrphan ? orphan : version).get(call.key) ?? 0;
    call.database = serverOf(isOrphan ? promotions - 1 : promotions);
  },
  /** The standby becomes the primary. The old primary keeps running, and the instance connects to the new one. */
  promote(world) {
    actions.loseFeed?.(world, 0);
    world.orphan = new Map(world.version);
    world.promotions += 1;
    world.promotedAt = clock.monotonic();
  },
  response({ calls, coherence }, n) {
    const index = n % Math.max(1, calls.length);
    const { key = "", load, seen: value, database = "" } = calls[index] ?? {};
    if (value === undefined) return;
    calls.splice(index, 1);
    const kept = { value, keyId: key, accountId: account, endsAt: Number.POSITIVE_INFINITY, bytes: 1 };
    if (coherence.isCurrent(database)) load?.keep(key, kept);
    load?.end();
  },
  /** The instance notices it first, and the guard at `reopen`. */
  breakStream({ stream, parts }) {
    stream.broken = true;
    if (parts.closeEndsGrant) stream.watcher.release();
    stream.watcher.close();
  },
  reopen(world) {
    if (!world.stream.broken) return;
    world.coherence.lost();
    world.stream = openStream(world.watchers);
  },
  wait: (_, ms) => void vi.advanceTimersByTime(ms),
};

/** Runs the simulation. Call `vi.useFakeTimers` before. */
export function simulateGuard(parts: SimulationParts) {
  const world = createWorld(parts);
  return {
    async act(name: string, argument: number): Promise<void> {
      actions[name]?.(world, argument);
      // The pump takes what the instance sends.
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
    },
    /** Fails if the guard accepts a version that a change replaced before it returned. Returns how many it accepts. */
    check: () => check(world),
  };
}

function check({ coherence, cache, returned }: World): number {
  let accepted = 0;
  for (const key of [keyOf(0), keyOf(1)]) {
    const time = coherence.time();
    const value = time === undefined ? undefined : cache.recall(key, time);
    if (value === undefined) continue;
    accepted += 1;
    expect(value, key).toBeGreaterThanOrEqual(returned.get(key) ?? 0);
  }
  return accepted;
}
