import type { Watcher, WatchMessage } from "../../../src/verify/coherence/watcher.ts";
import { type SimulatedInstance, simulatedClock } from "./simulated-instance.ts";

/** The stream of a guard. Each direction keeps its order, and messages take any time. */
interface Stream {
  watcher: Watcher;
  instance: SimulatedInstance;
  up: (() => void)[];
  down: WatchMessage[];
  /** Whether a message is being written. */
  writing: boolean;
  broken: boolean;
}

/** A guard that follows the rules of docs/verification.md, and keeps one version of each account. */
export interface SimulatedGuard {
  name: string;
  /** The account that it watches, or every account. */
  account: string | undefined;
  cached: Map<string, number>;
  loads: { account: string; version: number; stale: boolean }[];
  leasedUntil: number;
  frozen: boolean;
  stream: Stream | undefined;
  pings: number[];
}

/** Creates a guard without a stream. */
export function simulatedGuard(name: string, account?: string): SimulatedGuard {
  const never = Number.NEGATIVE_INFINITY;
  return {
    name,
    account,
    cached: new Map(),
    loads: [],
    leasedUntil: never,
    frozen: false,
    stream: undefined,
    pings: [],
  };
}

/** Returns whether a guard may answer from its cache now. */
export function isLeased({ frozen, leasedUntil }: SimulatedGuard): boolean {
  return !frozen && simulatedClock.monotonic() < leasedUntil;
}

function dropEverything(guard: SimulatedGuard): void {
  guard.cached.clear();
  for (const load of guard.loads) load.stale = true;
  guard.leasedUntil = Number.NEGATIVE_INFINITY;
}

function receive(guard: SimulatedGuard, { watcher, up }: Stream, message: WatchMessage): void {
  if (message.kind === "grant") {
    const sentAt = guard.pings[message.number];
    if (message.leftMs > 0 && sentAt !== undefined)
      guard.leasedUntil = Math.max(guard.leasedUntil, sentAt + message.leftMs);
    return;
  }
  for (const tag of message.tags) {
    if (tag === "*") dropEverything(guard);
    const account = tag.replace("key_", "").replace("acct_", "");
    guard.cached.delete(account);
    for (const load of guard.loads) if (load.account === account) load.stale = true;
  }
  up.push(() => watcher.acknowledge(message.number));
}

/** What a guard does. A frozen guard can only wake. */
export const guardActions: Record<
  string,
  (guard: SimulatedGuard, instance: SimulatedInstance, versions: ReadonlyMap<string, number>) => void
> = {
  connect(guard, instance) {
    // An instance that stops refuses guards.
    if (guard.stream || instance.frozen || instance.stopped) return;
    const watcher = instance.watchers.open(guard.account && `acct_${guard.account}`);
    guard.stream = { watcher, instance, up: [], down: [], writing: false, broken: false };
    guard.pings = [];
  },
  ping({ stream, pings }) {
    const number = pings.push(simulatedClock.monotonic()) - 1;
    stream?.up.push(() => stream.watcher.ping(number));
  },
  up({ stream }) {
    if (stream && !stream.instance.frozen) stream.up.shift()?.();
  },
  write({ stream }) {
    if (!stream || stream.writing || stream.instance.frozen) return;
    stream.writing = true;
    const end = () => {
      stream.broken = true;
    };
    void stream.watcher.next().then((message) => {
      stream.writing = false;
      if (message && !stream.broken) stream.down.push(message);
    }, end);
  },
  down(guard) {
    const message = guard.stream?.down.shift();
    if (guard.stream && message) receive(guard, guard.stream, message);
  },
  load(guard, _instance, versions) {
    if (!isLeased(guard)) return;
    for (const [account, version] of versions) {
      if (guard.account === undefined || guard.account === account)
        guard.loads.push({ account, version, stale: false });
    }
  },
  land(guard) {
    const load = guard.loads.shift();
    if (load && !load.stale) guard.cached.set(load.account, load.version);
  },
  // What is on its way is lost. The guard and the instance notice it later, or never.
  break({ stream }) {
    if (!stream) return;
    stream.broken = true;
    stream.up = [];
    stream.down = [];
  },
  detect({ stream }) {
    if (stream?.broken) stream.watcher.close();
  },
  notice(guard) {
    const { stream } = guard;
    if (!stream?.broken) return;
    dropEverything(guard);
    guard.stream = undefined;
    // The instance may notice later than the guard. In this simulation, it notices at the latest now.
    stream.watcher.close();
  },
  release(guard) {
    const { stream } = guard;
    if (!stream) return;
    dropEverything(guard);
    // Grants for these pings may still arrive. The guard ignores them.
    guard.pings = guard.pings.map(() => Number.NEGATIVE_INFINITY);
    stream.up.push(() => stream.watcher.release());
  },
  freeze(guard) {
    guard.frozen = true;
  },
  wake(guard) {
    guard.frozen = false;
  },
};
