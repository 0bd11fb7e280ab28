import { type RawBuilder, sql } from "kysely";
import { expect, vi } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import type { TestApp } from "../app.ts";

/** Holds a membership while calls come to wait for it, in their order. */
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
 * Holds an account, does something in the same transaction, and starts a call that comes to wait for the account. So the
 * call passed the gate before that was done, and changes something only after it was done.
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
    // Wrapped: the transaction ends before its call does.
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
