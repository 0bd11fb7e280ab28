import { DomainError } from "../../domain/kernel/error.ts";
import type { Acknowledgements, Settled } from "./acknowledge.ts";
import type { Clock } from "./clock.ts";
import { marginMs } from "./lease.ts";

/**
 * Waits until a change, whose COMMIT was answered just now, is effective everywhere. Fails with `REVOCATION_PENDING` if
 * that takes longer than `timeLeftMs`, and with `UNAVAILABLE` if the database cannot confirm it.
 */
export type Settle = (change: number, timeLeftMs?: number) => Promise<void>;

/** What waiting for changes depends on. */
export interface SettleDeps {
  acknowledgements: Acknowledgements;
  clock: Clock;
  leaseMs: number;
  /** Reads the longest lease, in milliseconds, from the lease registry. */
  readLongestLease(): Promise<number>;
  /** Called with how long a change waited for how many other instances, and how that ended. */
  onSettled(how: Settled, milliseconds: number, others: number): void;
}

// A change that is not acknowledged within this time is unusual.
const unusualMs = 100;
// How much longer than its deadline a wait lasts if the database does not respond.
const unresponsiveMs = 500;
// How long an error response takes to reach the caller before the caller's deadline.
const responseMs = 25;

/** Creates the wait for changes of this instance. */
export function createSettle(deps: SettleDeps): Settle {
  return (change, timeLeftMs) => {
    const settled = waitForInstances(change, deps);
    if (timeLeftMs === undefined) return settled;
    const pending = sleep(Math.max(0, timeLeftMs - responseMs)).then(refusePending);
    return Promise.race([settled, pending]);
  };
}

async function waitForInstances(change: number, deps: SettleDeps): Promise<void> {
  const { acknowledgements, clock, leaseMs, readLongestLease, onSettled } = deps;
  const committedAt = clock.monotonic();
  const others = acknowledgements.others();
  let how: Settled | undefined;
  // An instance with a longer lease than we know of registered it before this change was made.
  const longest = sleep(unusualMs).then(() => (how === undefined ? readLongestLease() : leaseMs));
  longest.catch(() => undefined);
  how = await acknowledgements.settle(change);
  if (how === "timed out") {
    const bound = await Promise.race([longest, sleep(unresponsiveMs).then(refuseUnconfirmed)]);
    const left = committedAt + bound + marginMs - clock.monotonic();
    if (left > 0) await sleep(left);
  }
  onSettled(how, clock.monotonic() - committedAt, others);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function refuseUnconfirmed(): never {
  throw new DomainError(
    "UNAVAILABLE",
    "the change was saved but not confirmed on all instances: retry to confirm it",
  );
}

function refusePending(): never {
  throw new DomainError(
    "REVOCATION_PENDING",
    "the change was saved, but the deadline is too early to confirm it on all instances: retry to confirm it",
  );
}
