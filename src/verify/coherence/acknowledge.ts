import type { Clock } from "./clock.ts";
import { marginMs } from "./lease.ts";
import { createMarkerPositions } from "./marker-positions.ts";
import { createMembers, type Members } from "./members.ts";

/** How a wait for the other instances ended. */
export type Settled = "acknowledged" | "timed out";

/**
 * Detects when a change of this instance is effective everywhere: each instance acknowledged it, or its lease expired.
 * It needs no list of instances. An instance that sends heartbeats is known, and one that stopped sending them has no
 * lease any more. The argument is in docs/verification.md.
 */
export interface Acknowledgements {
  /** Returns a number for a change that is about to be made. The caller must settle or abandon that change. */
  begin(): number;
  /** Waits until a change is effective everywhere. Call it as soon as the COMMIT of the change was answered. */
  settle(change: number): Promise<Settled>;
  /** Ends a change that was not made, or that changed nothing that an instance may have cached. */
  abandon(change: number): void;
  /** Records that the feed was opened. Instances from before are unknown, but no lease is longer than `longestLeaseMs`. */
  opened(longestLeaseMs: number): void;
  /** Records that the feed was lost. Changes that wait can no longer be acknowledged. */
  lost(): void;
  /** Records that this instance received its own change marker, and so the change itself. */
  received(change: number): void;
  /** Records that the guards of this instance have applied a change whose marker it received. */
  applied(change: number): void;
  /** Records that an instance has applied all changes of this instance up to this one, or exactly this one. */
  acknowledged(instance: string, change: number, exactly?: boolean): void;
  /** Records a heartbeat of an instance, which gives it a lease of this length. */
  seen(instance: string, leaseMs: number): void;
  /** Records that an instance has stopped for good. */
  left(instance: string): void;
  /** Returns how many other instances may hold a lease, as far as their heartbeats show. */
  others(): number;
  /**
   * Returns whether no other instance serves. A feed that is younger than the longest lease has not received a heartbeat of
   * every instance.
   */
  isAlone(): boolean;
  /** Returns how long after its COMMIT a change is effective everywhere at the latest, in milliseconds. */
  patienceMs(): number;
}

interface Change {
  /** When its COMMIT was answered. */
  committedAt?: number;
  /** The position of its marker among our own markers, and when we received that marker. */
  position?: number;
  receivedAt?: number;
  /** Set when the guards of this instance have applied it. */
  applied?: true;
  resolve?(how: Settled): void;
}

/** What decides about a change at one moment. */
interface View {
  now: number;
  /** The position up to which every instance has applied our changes. */
  applied: number;
  /** Know whether every instance has applied the change at a later position. */
  members: Pick<Members, "haveApplied">;
  /** When the feed was opened. */
  openedAt: number;
  patienceMs: number;
}

/** Creates the bookkeeping of one instance, named `self`, whose own lease is `ownLeaseMs` long. */
// Over 60 lines: each of its functions changes the shared state and then checks all changes.
export function createAcknowledgements(self: string, ownLeaseMs: number, clock: Clock): Acknowledgements {
  const members = createMembers(self, clock);
  const markers = createMarkerPositions();
  const changes = new Map<number, Change>();
  let last = 0;
  let openedAt = Number.POSITIVE_INFINITY;
  let longestLeaseMs = ownLeaseMs;
  let timer: NodeJS.Timeout | undefined;

  const patienceMs = () => longestLeaseMs + marginMs;

  function check(): void {
    const now = clock.monotonic();
    const applied = members.appliedUpTo(markers.last(), now);
    resolveSettled(changes, { now, applied, members, openedAt, patienceMs: patienceMs() });
    clearTimeout(timer);
    const deadline = firstDeadline(changes.values(), patienceMs());
    // Time alone can settle a change at two moments: its own deadline, and the expiry of another instance's lease.
    const next = Math.min(deadline, members.nextExpiry());
    if (deadline < Number.POSITIVE_INFINITY) {
      timer = setTimeout(check, Math.max(1, Math.ceil(next - now)));
    }
  }

  return {
    patienceMs,
    others: members.others,
    isAlone: () => openedAt + patienceMs() <= clock.monotonic() && members.isAlone(clock.monotonic()),
    begin() {
      last += 1;
      changes.set(last, {});
      return last;
    },
    settle(number) {
      return new Promise((resolve) => {
        const change = changes.get(number);
        if (!change) throw new Error("a change must have begun, and is settled at most once");
        Object.assign(change, { committedAt: clock.monotonic(), resolve });
        check();
      });
    },
    abandon: (number) => void changes.delete(number),
    opened(longest) {
      openedAt = clock.monotonic();
      longestLeaseMs = Math.max(ownLeaseMs, longest);
      members.clear();
    },
    lost() {
      openedAt = Number.POSITIVE_INFINITY;
      members.clear();
    },
    received(number) {
      const arrival = { position: markers.received(number), receivedAt: clock.monotonic() };
      Object.assign(changes.get(number) ?? {}, arrival);
      check();
    },
    applied(number) {
      Object.assign(changes.get(number) ?? {}, { applied: true });
      check();
    },
    acknowledged(instance, number, exactly = false) {
      // No member has applied less than nothing, so 0 changes nothing.
      members.acknowledged(instance, markers.of(number) ?? 0, exactly);
      check();
    },
    seen(instance, leaseMs) {
      longestLeaseMs = Math.max(longestLeaseMs, leaseMs);
      members.seen(instance, leaseMs, markers.last());
    },
    left(instance) {
      members.left(instance);
      check();
    },
  };
}

function resolveSettled(changes: Map<number, Change>, view: View): void {
  for (const [number, change] of changes) {
    const how = outcome(change, view);
    if (how === undefined) continue;
    changes.delete(number);
    change.resolve?.(how);
  }
}

function outcome(change: Change, view: View): Settled | undefined {
  const { now, openedAt, patienceMs } = view;
  const { committedAt, position, receivedAt, applied } = change;
  if (committedAt === undefined) return undefined;
  if (now >= committedAt + patienceMs) return "timed out";
  if (position === undefined || receivedAt === undefined || !applied) return undefined;
  // A feed that is younger than the longest lease has not received a heartbeat of every instance.
  const knowsAllInstances = openedAt + patienceMs <= receivedAt;
  if (!knowsAllInstances) return undefined;
  return position <= view.applied || view.members.haveApplied(position) ? "acknowledged" : undefined;
}

function firstDeadline(changes: Iterable<Change>, patienceMs: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { committedAt } of changes) {
    if (committedAt !== undefined) first = Math.min(first, committedAt + patienceMs);
  }
  return first;
}
