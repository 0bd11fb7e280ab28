import type { Clock } from "./clock.ts";
import { marginMs } from "./lease.ts";

/** How a wait for the other instances ended. */
export type Settled = "acknowledged" | "timed out";

/**
 * Knows when a change that this instance committed is effective everywhere: when every instance that can hold a lease
 * has applied it, or when none that did not answer can hold one any more. Needs no list of instances: who sends beats
 * is there, and who has stopped is harmless after one lease. The argument is in docs/verification.md.
 */
export interface Acknowledgements {
  /** A number for a change that is about to be made. It must be settled or abandoned. */
  begin(): number;
  /** Waits until a change, whose COMMIT was answered just now, is effective everywhere. */
  settle(change: number): Promise<Settled>;
  /** The change was not made, or changed nothing that anybody remembers. */
  abandon(change: number): void;
  /** The feed was (re)opened: who was there before is not known, save that no lease was longer than this. */
  opened(longestLeaseMs: number): void;
  /** The feed was lost: what waits now cannot know any more who has answered. */
  lost(): void;
  /** This instance received its own mark of a change, behind the change itself. */
  received(change: number): void;
  /** An instance has applied everything up to this change of ours. */
  answered(instance: string, change: number): void;
  /** An instance sent a beat, which gives it a lease of this length. */
  seen(instance: string, leaseMs: number): void;
  /** An instance has stopped, for good. */
  left(instance: string): void;
  /** How many other instances may hold a lease, as far as their beats tell. */
  others(): number;
  /** By when at the latest a change that is committed now is effective everywhere, from now on. */
  patienceMs(): number;
}

interface Change {
  /** When its COMMIT was answered. */
  committedAt?: number;
  /** Where its mark stands among our own in the feed, fixed when it is received, and when that was. */
  position?: number;
  receivedAt?: number;
  resolve?(how: Settled): void;
}

interface Member {
  seenAt: number;
  leaseMs: number;
  /** Up to which of our marks it has answered. */
  position: number;
}

// Marks that may still be answered: answers are cumulative, so that an older one says nothing that a later one does not.
const rememberedMarks = 10_000;

/** Creates the bookkeeping of one instance, named `self`, whose own lease is `ownLeaseMs`. */
export function createAcknowledgements(self: string, ownLeaseMs: number, clock: Clock): Acknowledgements {
  let last = 0;
  let position = 0;
  let openedAt = Number.POSITIVE_INFINITY;
  let longest = ownLeaseMs;
  const positions = new Map<number, number>();
  const members = new Map<string, Member>();
  const changes = new Map<number, Change>();
  let timer: NodeJS.Timeout | undefined;

  const patienceMs = () => longest + marginMs;

  function check(): void {
    const now = clock.monotonic();
    let applied = position;
    for (const [name, member] of members) {
      if (member.seenAt + member.leaseMs + marginMs < now) members.delete(name);
      else if (name !== self) applied = Math.min(applied, member.position);
    }
    for (const [number, change] of changes) {
      const how = outcome(change, applied, now);
      if (how === undefined) continue;
      changes.delete(number);
      change.resolve?.(how);
    }
    schedule(now);
  }

  function outcome(change: Change, applied: number, now: number): Settled | undefined {
    const { committedAt, position: own, receivedAt } = change;
    if (committedAt === undefined) return undefined;
    if (now >= committedAt + patienceMs()) return "timed out";
    if (own === undefined || receivedAt === undefined) return undefined;
    // A feed younger than the longest lease has not yet seen everybody's beat: nor has one opened anew since.
    const knowsEverybody = openedAt + patienceMs() <= receivedAt;
    return knowsEverybody && own <= applied ? "acknowledged" : undefined;
  }

  // The next moment at which time alone changes an outcome: somebody ages out, or somebody's patience ends.
  function schedule(now: number): void {
    clearTimeout(timer);
    let next = Number.POSITIVE_INFINITY;
    for (const { committedAt } of changes.values()) {
      if (committedAt !== undefined) next = Math.min(next, committedAt + patienceMs());
    }
    if (next === Number.POSITIVE_INFINITY) return;
    for (const member of members.values()) {
      next = Math.min(next, member.seenAt + member.leaseMs + marginMs + 1);
    }
    timer = setTimeout(check, Math.max(1, Math.ceil(next - now)));
  }

  return {
    patienceMs,
    others: () => members.size - (members.has(self) ? 1 : 0),
    begin() {
      last += 1;
      changes.set(last, {});
      return last;
    },
    settle(number) {
      return new Promise((resolve) => {
        const change = changes.get(number);
        if (!change) throw new Error("only a change that was begun can be settled, once");
        change.committedAt = clock.monotonic();
        change.resolve = resolve;
        check();
      });
    },
    abandon(number) {
      changes.delete(number);
    },
    opened(longestLeaseMs) {
      openedAt = clock.monotonic();
      longest = Math.max(ownLeaseMs, longestLeaseMs);
      members.clear();
    },
    lost() {
      openedAt = Number.POSITIVE_INFINITY;
      members.clear();
    },
    received(number) {
      position += 1;
      positions.set(number, position);
      for (const [oldest] of positions) {
        if (positions.size <= rememberedMarks) break;
        positions.delete(oldest);
      }
      const change = changes.get(number);
      if (change) Object.assign(change, { position, receivedAt: clock.monotonic() });
      check();
    },
    answered(instance, number) {
      const member = members.get(instance);
      const upTo = positions.get(number);
      if (!member || upTo === undefined) return;
      member.position = Math.max(member.position, upTo);
      check();
    },
    seen(instance, leaseMs) {
      longest = Math.max(longest, leaseMs);
      const known = members.get(instance);
      // Whoever was not there when our marks came by read the database after them: it has nothing to apply.
      members.set(instance, { seenAt: clock.monotonic(), leaseMs, position: known?.position ?? position });
    },
    left(instance) {
      members.delete(instance);
      check();
    },
  };
}
