import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { isOvertaken, isRetryable } from "../../db/errors.ts";
import { withTurn } from "../../db/statement-scope.ts";
import { inTransaction } from "../../db/transaction.ts";
import type { Turn } from "../../db/turn-shares.ts";
import { lockAndSee } from "../access/authority.ts";
import { callerLocks, userLocks } from "../access/caller-lock.ts";
import { endPending } from "../access/pending.ts";
import type { Call, Caller, UserCaller } from "../access/principal.ts";
import { type Actor, type Change, recordEvents } from "./audit-event.ts";
import { DomainError } from "./error.ts";
import type { RowLock } from "./row-lock.ts";
import { turnOfCaller, turnOfNobody, turnOfUser } from "./turn.ts";
import type { UncheckedMutation } from "./unchecked-mutation.ts";

/** What a change by a principal returns, and what it did, under that principal unless an event names another actor. */
export interface Done<T> {
  result: T;
  events: (Change & Partial<Actor>)[];
}

/** What any other change returns, and what it did, each event with its actor. No events: nothing changed. */
export interface Made<T> {
  result: T;
  events: (Change & Actor)[];
}

/** Makes a creation safe to repeat: by what id the caller asks, and what will have been made. */
export interface IdempotencyKey {
  requestId: string;
  resourceId: string;
}

/** Who makes a change, and which rows it locks besides theirs. */
export interface Locking<B> {
  by: B;
  locks: readonly RowLock[];
}

const tries = 3;
const nobody = { credentialId: null, accountId: null };

/**
 * Runs a change by a principal: in one transaction with its audit events, recorded under the principal. The transaction
 * first locks the rows of the caller and of `locks`, and evaluates the caller again. It fails with what the gate would say
 * if the caller may no longer make the call. `run` gets the caller as it is now, and must decide by that one.
 */
export function mutate<T>(
  db: Store,
  by: Caller | Locking<Caller>,
  run: (tx: Tx, caller: Caller) => Promise<Done<T>>,
  idempotencyKey?: IdempotencyKey,
): Promise<T> {
  const { by: caller, locks } = lockingOf(by);
  const { accountId, profile, keyId = "", call, authority } = caller;
  const actor: Actor = { accountId, profileId: profile.id, keyId };
  return change(db, {
    call,
    turn: turnOfCaller(caller, locks),
    async begin(tx) {
      const bearer = { credentialId: authority.credentialId, accountId };
      const seen = await lockAndSee(tx, bearer, [...callerLocks(caller), ...locks]);
      const now = await authority.evaluate(seen);
      // Whoever left and came back meanwhile acts by a membership that is not locked.
      if (now.profile.id !== profile.id) throw new DomainError("CONFLICT", "you have just joined: try again");
      return { ...now, call, authority };
    },
    async run(tx, now) {
      const { result, events } = await run(tx, now);
      return { result, events: events.map((event) => ({ ...actor, ...event })) };
    },
    idempotencyKey: idempotencyKey && { ...idempotencyKey, callerId: actor.profileId },
  });
}

/** The same for a change by a signed-in user, with no account resolved. */
export function mutateAsUser<T>(
  db: Store,
  by: UserCaller | Locking<UserCaller>,
  run: (tx: Tx) => Promise<Made<T>>,
  idempotencyKey?: IdempotencyKey,
): Promise<T> {
  const { by: user, locks } = lockingOf(by);
  const { call, authority } = user;
  const { credentialId } = authority;
  return change(db, {
    call,
    turn: turnOfUser(user, locks),
    begin: async (tx) =>
      authority.evaluate(
        await lockAndSee(tx, { credentialId, accountId: null }, [...userLocks(user), ...locks]),
      ),
    run,
    idempotencyKey: idempotencyKey && { ...idempotencyKey, callerId: user.userId },
  });
}

/** The same for a change that no bearer makes: one of the reviewed list. */
export function mutateUnchecked<T>(
  db: Store,
  _name: UncheckedMutation,
  by: Call | Locking<Call>,
  run: (tx: Tx) => Promise<Made<T>>,
): Promise<T> {
  const { by: call, locks } = lockingOf(by);
  return change(db, {
    call,
    turn: turnOfNobody(call, locks),
    begin: async (tx) => void (locks.length > 0 && (await lockAndSee(tx, nobody, locks))),
    run,
    idempotencyKey: undefined,
  });
}

function lockingOf<B extends object>(by: B | Locking<B>): Locking<B> {
  return "locks" in by ? by : { by, locks: [] };
}

/**
 * The one way in which anything is changed: a transaction that holds the change and its audit events, each with its
 * own actor. Every invalidating RPC passes here, and returns when the change is effective everywhere. Deadlocks are tried
 * again, then refused as `CONFLICT`; so is what another change has overtaken between a check and its statement, and is
 * refused by the check then.
 */
async function change<B, T>(db: Store, { call, turn, begin, run, idempotencyKey }: Plan<B, T>): Promise<T> {
  const make = () =>
    commit(db, async (tx, changeMarker) => {
      const bearer = await begin(tx);
      if (idempotencyKey?.requestId) await claim(tx, call, idempotencyKey);
      const { result, events } = await run(tx, bearer);
      await recordEvents(tx, call, [...events, ...(await endPending(tx, events))]);
      return { result, told: await tell(tx, changeMarker, events.length === 0) };
    });
  const effect = await withTurn(turn, make);
  // Outside the transaction: nothing is held while others apply it.
  await effect.settle(call.timeLeftMs?.());
  return effect.result;
}

interface Plan<B, T> {
  call: Call;
  /** On whose behalf it takes a connection. */
  turn: Turn;
  begin(tx: Tx): Promise<B>;
  run(tx: Tx, bearer: B): Promise<Made<T>>;
  idempotencyKey: Claim | undefined;
}

interface Claim extends IdempotencyKey {
  callerId: string;
}

interface Committed<T> {
  result: T;
  settle(timeLeftMs: number | undefined): Promise<void>;
}

async function commit<T>(
  db: Store,
  run: (tx: Tx, changeMarker: string) => Promise<{ result: T; told: boolean }>,
): Promise<Committed<T>> {
  for (let attempt = 1; ; attempt++) {
    const effect = db.changes.begin();
    try {
      const { result, told } = await inTransaction(db, (tx) => run(tx, effect.changeMarker));
      if (told) return { result, settle: effect.settle };
      effect.abandon();
      return { result, settle: () => Promise.resolve() };
    } catch (error) {
      effect.abandon();
      if (isOvertaken(error) && attempt < tries) continue;
      if (!isRetryable(error)) throw error;
      if (attempt === tries) throw new DomainError("CONFLICT", "somebody else is changing this: try again");
    }
  }
}

// Sends the mark behind everything that the transaction changed, if verification reads it (the triggers say so), or if
// nothing was found to change: then somebody else may just have changed it, and their change is waited for likewise.
// What others are told of must not be undone by a crash.
async function tell(tx: Tx, changeMarker: string, foundNothing: boolean): Promise<boolean> {
  const { rows } = await sql`
    select pg_notify('latchkey', ${changeMarker}),
      case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end
    where current_setting('latchkey.invalidated', true) = 'yes' or ${foundNothing}`.execute(tx);
  return rows.length > 0;
}

/** The time of the database, by which every expiry is judged. */
export async function databaseTime(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  const [row] = rows;
  if (!row) throw new Error("the database did not tell its time");
  return row.now;
}

// The insert waits for a concurrent one with the same id: exactly one of them makes something.
async function claim(tx: Tx, call: Call, idempotencyKey: Claim): Promise<void> {
  const day = sql`interval '24 hours'`;
  await sql`
    delete from request where caller_id = ${idempotencyKey.callerId} and created_at < clock_timestamp() - ${day}`.execute(
    tx,
  );
  const claimed = await tx
    .insertInto("request")
    .values({
      caller_id: idempotencyKey.callerId,
      method: call.method,
      request_id: idempotencyKey.requestId,
      resource_id: idempotencyKey.resourceId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (claimed.numInsertedOrUpdatedRows === 1n) return;
  const first = await tx
    .selectFrom("request")
    .select("resource_id")
    .where("caller_id", "=", idempotencyKey.callerId)
    .where("method", "=", call.method)
    .where("request_id", "=", idempotencyKey.requestId)
    .executeTakeFirst();
  throw new DomainError("ALREADY_EXISTS", "this request_id was already answered", {
    id: first?.resource_id ?? "",
  });
}
