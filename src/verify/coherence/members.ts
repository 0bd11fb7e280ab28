import type { Clock } from "./clock.ts";
import { marginMs } from "./lease.ts";

/** The instances whose heartbeats this instance has received, and what each of them has acknowledged. */
export interface Members {
  /** Records a heartbeat of an instance, which gives it a lease of this length. `position`: of the last own change marker. */
  seen(instance: string, leaseMs: number, position: number): void;
  /** Records that an instance has applied all changes up to this position. */
  acknowledged(instance: string, position: number): void;
  /** Removes an instance that has stopped. */
  left(instance: string): void;
  /** Removes all instances. */
  clear(): void;
  /**
   * Removes each instance whose lease has expired. Returns the position up to which all other instances have applied the
   * changes of this one, at most `position`.
   */
  appliedUpTo(position: number, now: number): number;
  /** Returns when the next lease will have expired, or infinity if no instance is known. */
  nextExpiry(): number;
  /** Returns how many other instances are known. */
  others(): number;
  /** Returns whether no other instance can hold a lease at this time. */
  isAlone(now: number): boolean;
}

interface Member {
  seenAt: number;
  leaseMs: number;
  /** The position of the last change marker that it has acknowledged. */
  position: number;
}

/** Creates the members that the instance `self` knows: none. */
export function createMembers(self: string, clock: Clock): Members {
  const members = new Map<string, Member>();
  return {
    seen(instance, leaseMs, position) {
      const known = members.get(instance);
      // A new instance read the database after our change markers, so it has nothing to apply.
      members.set(instance, {
        seenAt: clock.monotonic(),
        leaseMs,
        position: known?.position ?? position,
      });
    },
    acknowledged(instance, position) {
      const member = members.get(instance);
      if (member) member.position = Math.max(member.position, position);
    },
    left: (instance) => void members.delete(instance),
    clear: () => members.clear(),
    appliedUpTo(position, now) {
      let applied = position;
      for (const [name, member] of members) {
        if (expiryOf(member) < now) members.delete(name);
        else if (name !== self) applied = Math.min(applied, member.position);
      }
      return applied;
    },
    nextExpiry() {
      let next = Number.POSITIVE_INFINITY;
      for (const member of members.values()) next = Math.min(next, expiryOf(member) + 1);
      return next;
    },
    others: () => members.size - (members.has(self) ? 1 : 0),
    isAlone(now) {
      for (const [name, member] of members) if (name !== self && expiryOf(member) >= now) return false;
      return true;
    },
  };
}

function expiryOf({ seenAt, leaseMs }: Member): number {
  return seenAt + leaseMs + marginMs;
}
