import { type RawBuilder, sql } from "kysely";
import { expect, vi } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import type { TestApp } from "../app.ts";

/** Locks a membership until the calls wait for it, in their order. */
export async function whileLocked<T>(
  db: Db,
  profileId: string,
  start: (waiting: (calls: number) => Promise<void>) => Promise<T>,
): Promise<T> {
  const waiting = (calls: number) =>
    vi.waitFor(async () => {
      const { rows } = await sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
      expect(rows).toHaveLength(calls);
    });
  return db.transaction().execute(async (tx) => {
    await sql`select from membership where profile_id = ${profileId} for update`.execute(tx);
    return start(waiting);
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
    await vi.waitFor(async () => {
      const { rows } = await sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
      expect(rows).toHaveLength(1);
    });
    // The result is wrapped in an object, because the transaction must end before its call does.
    return { call: started };
  });
  return call;
}

/** Waits until a transaction of the database waits for a lock. */
export async function untilBlocked(app: TestApp): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
      app.db,
    );
    if (rows.length > 0) return;
  }
}
