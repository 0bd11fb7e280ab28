import type { Clock } from "./clock.ts";
import { marginMs } from "./lease.ts";

/** The instances whose heartbeats this instance has received, and what each of them has acknowledged. */
export interface Members {
  /** Records a heartbeat of an instance, which gives it a lease of this length. `position`: of the last own change marker. */
  seen(instance: string, leaseMs: number, position: number): void;
  /** Records that an instance has applied all changes up to this position, or exactly the one at this position. */
  acknowledged(instance: string, position: number, exactly: boolean): void;
  /** Removes an instance that has stopped. */
  left(instance: string): void;
  /** Removes all instances. */
  clear(): void;
  /**
   * Removes each instance whose lease has expired. Returns the position up to which all other instances have applied the
   * changes of this one, at most `position`.
   */
  appliedUpTo(position: number, now: number): number;
  /** Returns whether all other instances have applied the change at this position. Call it after `appliedUpTo`. */
  haveApplied(position: number): boolean;
  /** Returns when the next lease will have expired, or infinity if no instance is known. */
  nextExpiry(): number;
  /** Returns how many other instances are known. */
  others(): number;
  /**
   * Returns whether no other instance serves: each one has announced that it stops, or has sent no heartbeat for so long that
   * it cannot only be slow. This outlives `clear`.
   */
  isAlone(now: number): boolean;
}

interface Member {
  seenAt: number;
  leaseMs: number;
  /** The position of the last change marker that it has acknowledged. */
  position: number;
  /** The positions of later markers that it has acknowledged. */
  later: Set<number>;
}

// More positions than this are not remembered. The changes then wait for the next acknowledgement of all.
const maxLater = 10_000;
// An instance without a heartbeat for longer than this has crashed. A slow one still serves when its lease has expired.
const crashedAfterMs = 10_000;

/** Creates the members that the instance `self` knows: none. */
export function createMembers(self: string, clock: Clock): Members {
  const members = new Map<string, Member>();
  // Until when each other instance may serve, as far as its last heartbeat shows.
  const present = new Map<string, number>();
  return {
    seen(instance, leaseMs, position) {
      const known = members.get(instance);
      const seenAt = clock.monotonic();
      if (instance !== self) present.set(instance, seenAt + Math.max(leaseMs + marginMs, crashedAfterMs));
      // A new instance read the database after our change markers, so it has nothing to apply.
      members.set(instance, {
        seenAt,
        leaseMs,
        position: known?.position ?? position,
        later: known?.later ?? new Set(),
      });
    },
    acknowledged(instance, position, exactly) {
      const member = members.get(instance);
      if (!member || position <= member.position) return;
      if (exactly) {
        if (member.later.size < maxLater) member.later.add(position);
        return;
      }
      member.position = position;
      for (const one of member.later) if (one <= position) member.later.delete(one);
    },
    left(instance) {
      members.delete(instance);
      present.delete(instance);
    },
    clear: () => members.clear(),
    appliedUpTo(position, now) {
      let applied = position;
      for (const [name, member] of members) {
        if (expiryOf(member) < now) members.delete(name);
        else if (name !== self) applied = Math.min(applied, member.position);
      }
      return applied;
    },
    haveApplied(position) {
      for (const [name, member] of members) {
        if (name !== self && member.position < position && !member.later.has(position)) return false;
      }
      return true;
    },
    nextExpiry() {
      let next = Number.POSITIVE_INFINITY;
      for (const member of members.values()) next = Math.min(next, expiryOf(member) + 1);
      return next;
    },
    others: () => members.size - (members.has(self) ? 1 : 0),
    isAlone(now) {
      for (const [name, until] of present) {
        if (until >= now) return false;
        present.delete(name);
      }
      return true;
    },
  };
}

function expiryOf({ seenAt, leaseMs }: Member): number {
  return seenAt + leaseMs + marginMs;
}
