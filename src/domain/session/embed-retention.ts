import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";

// One notification has room for the names of so many deleted rows.
const batchSize = 100;

// For this time after its end, the error about a session says how it ended.
const maxKeptMs = 3_600_000;

/** Deletes up to 100 embed sessions whose lifetime ended more than an hour ago. Returns their number. */
export async function deleteOldEmbedSessions(db: Db): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from embed_session where id in (
      select id from embed_session
      where expires_at < clock_timestamp() - ${maxKeptMs} * interval '1 millisecond'
      order by expires_at
      limit ${batchSize}
      for update skip locked
    )`.execute(db);
  return Number(numAffectedRows ?? 0);
}
