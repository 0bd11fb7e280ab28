import type { Store, Tx } from "../../db/connect.ts";
import { limitName, viaOf } from "../access/acting.ts";
import { callerLocks, userLocks } from "../access/caller-lock.ts";
import type { Call, Caller, UserCaller } from "../access/principal.ts";
import { accountsEverOf } from "../access/user-accounts.ts";
import type { Actor } from "./audit-event.ts";
import { type Concerned, change, type Done, type Made } from "./change.ts";
import { DomainError } from "./error.ts";
import type { IdempotencyKey } from "./idempotency-key.ts";
import type { RowLock } from "./row-lock.ts";
import { turnOfCaller, turnOfUser, turnWithoutBearer } from "./turn.ts";
import type { UncheckedMutation } from "./unchecked-mutation.ts";

/** The bearer of a change, the rows that it locks besides those of the bearer, and what it reads under those locks. */
export interface Locking<B, R = undefined> {
  by: B;
  locks: readonly RowLock[];
  /** Travels with the locks. Its result does not count until the caller has been evaluated. */
  read?(tx: Tx): Promise<R>;
  /**
   * The only accounts whose keys the change concerns, even if it finds that another call has just made it. A function reads
   * them under the locks. Unset: the account of the principal, every account that the signed-in user ever belonged to, or
   * without a bearer every account. The change waits for the guards of these accounts.
   */
  accountIds?: Concerned;
}

const noBearer = { credentialId: null, accountId: null };

/**
 * Runs a change by a principal in one transaction with its audit events. The events are recorded under the principal.
 * The transaction first takes the caller's locks and `locks`, and then evaluates the caller again. If the caller may no
 * longer make the call, it fails with the error of the auth interceptor. `run` gets the caller as it is now and must
 * decide by it. It also gets the result of `read` and the time of the database.
 *
 * A change takes three round trips: one locks and reads, one writes, one commits.
 */
export function mutate<T, R = undefined>(
  db: Store,
  by: Caller | Locking<Caller, R>,
  run: (tx: Tx, caller: Caller, found: R, now: Date) => Promise<Done<T>>,
  idempotencyKey?: IdempotencyKey,
): Promise<T> {
  const { by: caller, locks, read } = lockingOf(by);
  const { accountId, profile, keyId = "", home, call, authority } = caller;
  const { credentialId } = authority;
  const actor: Actor = { accountId, profileId: profile.id, keyId, ...viaOf(caller) };
  const record = home
    ? { credentialId, accountId: home.accountId, tenantId: accountId }
    : { credentialId, accountId };
  const turn = turnOfCaller(caller, locks);
  return change(db, {
    call,
    turn,
    // A principal changes what belongs to its account, and a platform key what it locks.
    concerned: [accountId, ...turn.subjects.filter((subject) => subject.startsWith("acct_"))],
    record,
    locks: [...callerLocks(caller), ...locks],
    read,
    async evaluate(seen) {
      const now = await authority.evaluate(seen);
      // The person left and joined again meanwhile, so the transaction has not locked the new membership.
      if (now.profile.id !== profile.id)
        throw new DomainError("CONFLICT", "you have just joined the account again: try again");
      return { ...now, call, authority };
    },
    async run(tx, now, found, time) {
      const done = await run(tx, now, found, time);
      return { ...done, events: done.events.map((event) => ({ ...actor, ...event })) };
    },
    claim: idempotencyKey && { ...idempotencyKey, method: call.method, callerId: limitName(caller) },
  });
}

/** The same for a change by a signed-in user, without an account. */
export function mutateAsUser<T, R = undefined>(
  db: Store,
  by: UserCaller | Locking<UserCaller, R>,
  run: (tx: Tx, found: R, now: Date) => Promise<Made<T>>,
  idempotencyKey?: IdempotencyKey,
): Promise<T> {
  const { by: user, locks, read, accountIds } = lockingOf(by);
  const { call, authority } = user;
  return change(db, {
    call,
    turn: turnOfUser(user, locks),
    concerned: accountIds ?? accountsEverOf(user.userId),
    record: { credentialId: authority.credentialId, accountId: null },
    locks: [...userLocks(user), ...locks],
    read,
    evaluate: (seen) => authority.evaluate(seen),
    run: (tx, _user, found, now) => run(tx, found, now),
    claim: idempotencyKey && { ...idempotencyKey, method: call.method, callerId: user.userId },
  });
}

/** The same for a change that no bearer makes. `uncheckedMutations` lists these changes. */
export function mutateUnchecked<T, R = undefined>(
  db: Store,
  _name: UncheckedMutation,
  by: Call | Locking<Call, R>,
  run: (tx: Tx, found: R, now: Date) => Promise<Made<T>>,
): Promise<T> {
  const { by: call, locks, read, accountIds = "all" } = lockingOf(by);
  return change(db, {
    call,
    turn: turnWithoutBearer(call, locks),
    concerned: accountIds,
    record: noBearer,
    locks,
    read,
    evaluate: async () => undefined,
    run: (tx, _bearer, found, now) => run(tx, found, now),
    claim: undefined,
  });
}

function lockingOf<B extends object, R>(by: B | Locking<B, R>): Locking<B, R> {
  return "locks" in by ? by : { by, locks: [] };
}
