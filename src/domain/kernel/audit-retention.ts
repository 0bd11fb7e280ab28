import { sql } from "kysely";
import { encodeTime } from "ulid";
import type { Db } from "../../db/connect.ts";

// Each batch is a transaction of its own, which locks this many rows for some milliseconds.
const batchSize = 1_000;
const maxBatches = 20;

/**
 * Deletes audit events older than `retentionMs` by the clock of the database, oldest first and at most 20,000 per call.
 * Skips rows that another instance is deleting. Returns the number of deleted events.
 */
export async function deleteOldEvents(db: Db, retentionMs: number): Promise<number> {
  let deleted = 0;
  for (let batch = 1; batch <= maxBatches; batch++) {
    const rows = await deleteBatch(db, retentionMs);
    deleted += rows;
    if (rows < batchSize) break;
  }
  return deleted;
}

// Ids begin with the time, so the primary key finds the oldest events. Only `created_at` decides whether they are
// deleted.
async function deleteBatch(db: Db, retentionMs: number): Promise<number> {
  const before = `evt_${encodeTime(Math.max(0, Date.now() - retentionMs)).toLowerCase()}`;
  const { numAffectedRows } = await sql`
    delete from audit_event where id in (
      select id from audit_event
      where id < ${before} and created_at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'
      order by id
      limit ${batchSize}
      for update skip locked
    )`.execute(db);
  return Number(numAffectedRows ?? 0);
}
