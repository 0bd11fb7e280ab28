import { expect } from "vitest";
import { type Acknowledgements, createAcknowledgements } from "../../../src/verify/coherence/acknowledge.ts";
import { createLease, type Lease, leaseMs } from "../../../src/verify/coherence/lease.ts";

// Several instances around one database, of which only the order of commits is modelled. One value changes; memory holds
// the value that a load saw. The real bookkeeping of leases and acknowledgements runs on fake time.

const clock = { monotonic: () => performance.now(), wall: () => performance.now() };

/** An instance of the simulation. */
export interface Instance {
  name: string;
  leaseMs: number;
  lease: Lease;
  acknowledgements: Acknowledgements;
  /** What memory holds: the version of the value, if anything. */
  memory: number | undefined;
  /** How far it has read the feed; undefined: it does not listen. */
  position: number | undefined;
  frozen: boolean;
}

type Message =
  | { kind: "invalidate" }
  | { kind: "mark"; from: Instance; change: number }
  | { kind: "answer"; to: Instance; from: Instance; change: number }
  | { kind: "beat"; from: Instance; sentAt: number }
  | { kind: "bye"; from: Instance };

/** Makes an instance whose lease is so long. */
export function instance(name: string, ownLeaseMs = leaseMs): Instance {
  const made: Instance = {
    name,
    leaseMs: ownLeaseMs,
    lease: createLease(clock, { leaseMs, maxStalenessMs: ownLeaseMs - leaseMs }, () => {
      made.memory = undefined;
    }),
    acknowledgements: createAcknowledgements(name, ownLeaseMs, clock),
    memory: undefined,
    position: undefined,
    frozen: false,
  };
  return made;
}

/** Runs instances around one feed. */
export function simulate(instances: Instance[]) {
  const feed: Message[] = [];
  let version = 0;
  let settledVersion = 0;
  let waiting = 0;
  // Declared by each instance before its first beat.
  let longest = leaseMs;

  function apply(one: Instance, message: Message): void {
    if (message.kind === "invalidate") one.memory = undefined;
    else if (message.kind === "bye") one.acknowledgements.left(message.from.name);
    else if (message.kind === "answer") {
      if (message.to === one) one.acknowledgements.acknowledged(message.from.name, message.change);
    } else if (message.kind === "mark") {
      if (message.from === one) one.acknowledgements.received(message.change);
      else feed.push({ kind: "answer", to: message.from, from: one, change: message.change });
    } else {
      one.acknowledgements.seen(message.from.name, message.from.leaseMs);
      if (message.from === one) one.lease.confirm(message.sentAt, message.sentAt);
    }
  }

  function lose(one: Instance): void {
    if (one.position === undefined) return;
    one.position = undefined;
    one.lease.suspend();
    if (one.leaseMs === leaseMs) one.memory = undefined;
    one.acknowledgements.lost();
  }

  const acts: Record<string, (one: Instance) => void> = {
    deliver(one) {
      if (one.position === undefined) return;
      const message = feed[one.position];
      if (!message) return;
      one.position += 1;
      apply(one, message);
    },
    change(one) {
      const change = one.acknowledgements.begin();
      version += 1;
      const made = version;
      feed.push({ kind: "invalidate" }, { kind: "mark", from: one, change });
      waiting += 1;
      const known = longest;
      void one.acknowledgements.settle(change).then((how) => {
        waiting -= 1;
        // Who ran out of patience asks the database for the longest lease, and waits for that.
        const left = how === "timed out" ? Math.max(0, known - one.leaseMs) : 0;
        const hold = () => {
          settledVersion = Math.max(settledVersion, made);
        };
        if (left === 0) hold();
        else setTimeout(hold, left);
      });
    },
    // A load, begun while the lease was held, that is answered at once: what it sees has been committed.
    read(one) {
      if (one.position !== undefined && one.lease.time() !== undefined) one.memory = version;
    },
    lose,
    open(one) {
      lose(one);
      one.memory = undefined;
      one.lease.end();
      one.position = feed.length;
      one.acknowledgements.opened(longest);
    },
    freeze(one) {
      one.frozen = true;
    },
    wake(one) {
      one.frozen = false;
    },
    stop(one) {
      if (one.position === undefined) return;
      one.lease.end();
      one.memory = undefined;
      feed.push({ kind: "bye", from: one });
      lose(one);
    },
  };

  for (const one of instances) acts.open?.(one);
  return {
    /** Every instance that listens sends a beat. */
    heartbeat(): void {
      for (const one of instances) {
        if (one.position === undefined || one.frozen) continue;
        longest = Math.max(longest, one.leaseMs);
        feed.push({ kind: "beat", from: one, sentAt: clock.monotonic() });
      }
    },
    act(kind: string, who: number): void {
      const one = instances[who];
      if (!one || (one.frozen && kind !== "wake")) return;
      acts[kind]?.(one);
    },
    /** Whatever an instance would serve now, from memory or stale, is no older than what has settled. */
    check(): void {
      for (const { name, lease, memory } of instances) {
        const serves = lease.time() !== undefined || lease.staleTime() !== undefined;
        if (serves && memory !== undefined) expect(memory, name).toBeGreaterThanOrEqual(settledVersion);
      }
    },
    longest: () => Math.max(...instances.map((one) => one.leaseMs)),
    unsettled: () => waiting,
  };
}
