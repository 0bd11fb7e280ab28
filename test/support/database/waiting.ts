import { type RawBuilder, sql } from "kysely";
import { expect } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import type { SharedApp } from "../app.ts";

/** Returns how many statements of the database wait for a lock. */
export async function lockWaiters(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Waits until `count` statements of the database wait for a lock. A background job may be one more. */
export async function untilWaiting(db: Db, count: number): Promise<void> {
  await expect.poll(() => lockWaiters(db)).toBeGreaterThanOrEqual(count);
}

/** Locks a membership while `start` runs. `waiting` resolves when this number of calls wait for the lock. */
export async function whileLocked<T>(
  db: Db,
  profileId: string,
  start: (waiting: (calls: number) => Promise<void>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select from membership where profile_id = ${profileId} for update`.execute(tx);
    return start((calls) => untilWaiting(db, calls));
  });
}

/**
 * Locks an account, makes a change in the same transaction, and starts a call that waits for the account. So the call
 * passes the auth interceptor before that change and writes only after it.
 */
export async function whileHeld<T>(
  db: Db,
  accountId: string,
  statements: RawBuilder<unknown>[],
  start: () => Promise<T>,
): Promise<T> {
  const { call } = await db.transaction().execute(async (tx) => {
    await sql`select from account where id = ${accountId} for update`.execute(tx);
    for (const statement of statements) await statement.execute(tx);
    const started = start();
    await untilWaiting(db, 1);
    // The result is wrapped in an object, because the transaction must end before its call does.
    return { call: started };
  });
  return call;
}

/** Waits until a statement of the database waits for a lock. */
export async function untilBlocked(app: SharedApp): Promise<void> {
  while ((await lockWaiters(app.db)) === 0);
}
