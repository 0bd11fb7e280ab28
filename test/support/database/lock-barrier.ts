import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";
import type { ExternalKind } from "../../../src/domain/kernel/external-id.ts";

/**
 * Starts calls while a lock prevents writes to a table. Releases the lock when the given number of them wait for the
 * table or for each other. So the calls truly run concurrently.
 */
export async function lockBarrier<T>(
  db: Db,
  table: "identity" | "guest" | "invite" | ExternalKind,
  waiting: number,
  start: () => Promise<T>,
): Promise<T> {
  const { result } = await db.transaction().execute(async (tx) => {
    await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(tx);
    const started = start();
    for (let blocked = 0; blocked < waiting; ) {
      const { rows } = await sql<{ count: string }>`
        select count(distinct pid) as count
        from pg_locks
        where not granted and pid in (
          select pid from pg_locks
          where database = (select oid from pg_database where datname = current_database())
        )`.execute(tx);
      blocked = Number(rows[0]?.count);
    }
    // The result is wrapped in an object, because the transaction must end before its calls do.
    return { result: started };
  });
  return result;
}
