import type { Store, Tx } from "../../db/connect.ts";
import { isOvertaken, isRetryable } from "../../db/errors.ts";
import { withTurn } from "../../db/statement-scope.ts";
import { inTransaction } from "../../db/transaction.ts";
import type { Turn } from "../../db/turn-shares.ts";
import { type BearerRecord, lockAndSee, type Seen } from "../access/authority.ts";
import { endPending, recordAndFindPending } from "../access/pending.ts";
import type { Call } from "../access/principal.ts";
import { type Actor, type Change, recordEvents } from "./audit-event.ts";
import { sendMarker } from "./change-marker.ts";
import { DomainError } from "./error.ts";
import { type Claim, claimLocks, recordClaim, refuseRepeat } from "./idempotency-key.ts";
import type { RowLock } from "./row-lock.ts";
import { firstOf, together } from "./together.ts";

/** An event of a change by a principal. It is recorded under that principal unless it names another actor. */
type OwnEvent = Change & Partial<Actor>;
/** An event of any other change. */
type NamedEvent = Change & Actor;

/**
 * The result of a change after its decision. Without events, nothing has changed. `write` starts all writes of the
 * change before it waits for any, so that they travel together with the events. A change that has already written
 * returns `result`.
 *
 * `mayRepeat`: another call may just have made a part of what this call promises, although the events show no former value.
 */
export type Done<T, E = OwnEvent> = { events: E[]; mayRepeat?: true } & (
  | { write(): Promise<T> }
  | { result: T }
);
/** The same for a change without a principal. Each event names its actor. */
export type Made<T> = Done<T, NamedEvent>;

/** Accounts, or how a transaction reads them. */
export type Concerned = readonly string[] | ((tx: Tx) => Promise<readonly string[]>);

const tries = 3;

/** A change before its transaction begins: its bearer, its locks, its checks and its writes. */
export interface Plan<B, R, T> {
  call: Call;
  /** The turn in which the change gets a connection. */
  turn: Turn;
  /** The accounts whose guards the change waits for, besides those of the accounts that it invalidates. */
  concerned: Concerned | "all";
  /** The record that identified the bearer, if there is one. */
  record: BearerRecord;
  locks: readonly RowLock[];
  read: ((tx: Tx) => Promise<R>) | undefined;
  evaluate(seen: Seen): Promise<B>;
  run(tx: Tx, bearer: B, found: R, now: Date): Promise<Made<T>>;
  claim: Claim | undefined;
}

/**
 * Runs a change and its audit events in one transaction. This is the only path by which the server changes data. An
 * invalidating change returns when it is effective everywhere. The transaction retries after a deadlock, and then fails
 * with `CONFLICT`. It also retries if another change committed between a check and its statement. Then the check
 * refuses the change.
 */
export async function change<B, R, T>(db: Store, plan: Plan<B, R, T>): Promise<T> {
  const effect = await withTurn(plan.turn, () => commit(db, (tx, sent) => makeIn(tx, plan, sent)));
  // This runs after the transaction, so no row is locked while other instances apply the change.
  await effect.settle(plan.call.timeLeftMs?.());
  return effect.result;
}

/** What a transaction has written before it commits. */
interface Written<T> {
  result: T;
  mayRepeat: boolean;
  concerned: readonly string[] | "all";
}

async function makeIn<B, R, T>(tx: Tx, plan: Plan<B, R, T>, sent: () => number): Promise<Written<T>> {
  const { call, claim } = plan;
  const { bearer, found, now, concerned } = await lockAndRead(tx, plan);
  const done = await plan.run(tx, bearer, found, now);
  const { events } = done;
  const started = [
    "write" in done ? done.write() : done.result,
    recordClaim(tx, claim),
    recordAndFindPending(tx, call, events),
  ] as const;
  const sentSoFar = sent();
  const [result, , pending] = await together(started);
  // `recordAndFindPending` does not see a write that starts after it.
  if (sent() !== sentSoFar) throw new Error("a change must start all of its writes before it waits for one");
  await recordEvents(tx, call, await endPending(tx, events, pending));
  // Only a call that creates something repeats nothing. An update may change one field, and find another one just changed.
  const mayRepeat =
    done.mayRepeat ?? (events.length === 0 || events.some(({ before }) => before !== undefined));
  return { result, mayRepeat, concerned };
}

async function lockAndRead<B, R, T>(tx: Tx, plan: Plan<B, R, T>) {
  const { record, locks, read, evaluate, claim, concerned } = plan;
  const all = [...locks, ...claimLocks(claim)];
  const seeing = lockAndSee(tx, record, all);
  const refusing = refuseRepeat(tx, claim);
  // Without `read`, there is no result.
  const reading = read ? read(tx) : Promise.resolve(undefined as R);
  const concerning = typeof concerned === "function" ? concerned(tx) : Promise.resolve(concerned);
  const seen = await firstOf([seeing, refusing, reading, concerning]);
  const bearer = await evaluate(seen);
  await refusing;
  return { bearer, found: await reading, now: seen.now, concerned: await concerning };
}

interface Committed<T> {
  result: T;
  settle(timeLeftMs: number | undefined): Promise<void>;
}

async function commit<T>(
  db: Store,
  make: (tx: Tx, sent: () => number) => Promise<Written<T>>,
): Promise<Committed<T>> {
  for (let attempt = 1; ; attempt++) {
    const effect = db.changes.begin();
    try {
      const { result, markerSent } = await inTransaction(db, make, async (tx, written) => ({
        result: written.result,
        markerSent: await sendMarker(tx, effect, written),
      }));
      if (markerSent) return { result, settle: effect.settle };
      effect.abandon();
      return { result, settle: () => Promise.resolve() };
    } catch (error) {
      effect.abandon();
      if (isOvertaken(error) && attempt < tries) continue;
      if (!isRetryable(error)) throw error;
      if (attempt === tries) throw new DomainError("CONFLICT", "another call is changing this: try again");
    }
  }
}
