import { sql } from "kysely";
import { expect, vi } from "vitest";
import type { Db } from "../../src/db/connect.ts";

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
