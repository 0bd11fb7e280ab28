import { sql } from "kysely";
import type { Db, Tx } from "../db/connect.ts";
import { isOvertaken, isRetryable } from "../db/errors.ts";
import { type Actor, type Change, recordEvents } from "./audit-event.ts";
import { DomainError } from "./error.ts";
import type { Call, Caller } from "./principal.ts";

/** What a change returns, and what it did. No events: nothing changed. */
export interface Done<T> {
  result: T;
  events: (Change & Partial<Actor>)[];
}

/** Makes a creation safe to repeat: who asks, by what id, and what will have been made. */
export interface Once {
  requestId: string;
  resourceId: string;
}

const tries = 3;

/** Runs a change by a principal: in one transaction with its audit events, recorded under the principal. */
export function mutate<T>(
  db: Db,
  caller: Caller,
  run: (tx: Tx) => Promise<Done<T>>,
  once?: Once,
): Promise<T> {
  const actor: Actor = {
    accountId: caller.accountId,
    profileId: caller.profile.id,
    keyId: caller.keyId ?? "",
  };
  return mutateAs(
    db,
    caller.call,
    async (tx) => {
      const { result, events } = await run(tx);
      return { result, events: events.map((event) => ({ ...actor, ...event })) };
    },
    once && { ...once, callerId: actor.profileId },
  );
}

/**
 * The one way in which anything is changed: a transaction that holds the change and its audit events, each with its
 * own actor. Every invalidating RPC passes here, and returns when the change is effective everywhere. Deadlocks are tried
 * again, then refused as `CONFLICT`; so is what another change has overtaken between a check and its statement, and is
 * refused by the check then.
 */
export async function mutateAs<T>(
  db: Db,
  call: Call,
  run: (tx: Tx) => Promise<{ result: T; events: (Change & Actor)[] }>,
  once?: Once & { callerId: string },
): Promise<T> {
  const effect = await commit(db, async (tx, mark) => {
    if (once?.requestId) await claim(tx, call, once);
    const { result, events } = await run(tx);
    await recordEvents(tx, call, events);
    return { result, told: mark !== undefined && (await tell(tx, mark, events.length === 0)) };
  });
  // Outside the transaction: nothing is held while others apply it.
  await effect.settle(call.timeLeftMs?.());
  return effect.result;
}

interface Committed<T> {
  result: T;
  settle(timeLeftMs: number | undefined): Promise<void>;
}

async function commit<T>(
  db: Db,
  run: (tx: Tx, mark: string | undefined) => Promise<{ result: T; told: boolean }>,
): Promise<Committed<T>> {
  for (let attempt = 1; ; attempt++) {
    const effect = db.changes?.begin();
    try {
      const { result, told } = await db.transaction().execute((tx) => run(tx, effect?.mark));
      if (effect && told) return { result, settle: effect.settle };
      effect?.abandon();
      return { result, settle: () => Promise.resolve() };
    } catch (error) {
      effect?.abandon();
      if (isOvertaken(error) && attempt < tries) continue;
      if (!isRetryable(error)) throw error;
      if (attempt === tries) throw new DomainError("CONFLICT", "somebody else is changing this: try again");
    }
  }
}

// Sends the mark behind everything that the transaction changed, if verification reads it (the triggers say so), or if
// nothing was found to change: then somebody else may just have changed it, and their change is waited for likewise.
// What others are told of must not be undone by a crash.
async function tell(tx: Tx, mark: string, foundNothing: boolean): Promise<boolean> {
  const { rows } = await sql`
    select pg_notify('latchkey', ${mark}),
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
async function claim(tx: Tx, call: Call, once: Once & { callerId: string }): Promise<void> {
  const day = sql`interval '24 hours'`;
  await sql`
    delete from request where caller_id = ${once.callerId} and created_at < clock_timestamp() - ${day}`.execute(
    tx,
  );
  const claimed = await tx
    .insertInto("request")
    .values({
      caller_id: once.callerId,
      method: call.method,
      request_id: once.requestId,
      resource_id: once.resourceId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (claimed.numInsertedOrUpdatedRows === 1n) return;
  const first = await tx
    .selectFrom("request")
    .select("resource_id")
    .where("caller_id", "=", once.callerId)
    .where("method", "=", call.method)
    .where("request_id", "=", once.requestId)
    .executeTakeFirst();
  throw new DomainError("ALREADY_EXISTS", "this request_id was already answered", {
    id: first?.resource_id ?? "",
  });
}
