import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";

/** How long usage is kept, in milliseconds. */
export interface UsageRetention {
  usageRetentionMs: number;
  /** Undefined: client addresses are not recorded, and those that were recorded before are deleted. */
  clientAddressRetentionMs: number | undefined;
}

const dayMs = 86_400_000;
// A new week gets its partitions this long before it begins.
const aheadDays = 21;
// A report may contain times up to a day ago.
const behindDays = 2;
// The server knows the networks of a key and the networks of unknown tokens for this long.
const networkDays = 30;
const batchSize = 1_000;
const maxBatches = 20;
const maxWeeks = 1_000;

/** Adds the partitions of the coming weeks. Does nothing if they exist. */
export async function addWeeks(db: Db): Promise<void> {
  await sql`
    select latchkey_add_usage_weeks(
      (clock_timestamp() at time zone 'utc') - ${behindDays} * interval '1 day',
      (clock_timestamp() at time zone 'utc') + ${aheadDays} * interval '1 day'
    )`.execute(db);
}

/** Drops the weeks of usage whose last hour is older than the retention. Returns their number. */
export async function dropOldWeeks(db: Db, { usageRetentionMs }: UsageRetention): Promise<number> {
  for (let dropped = 0; dropped < maxWeeks; dropped++) {
    const { rows } = await sql<{ name: string | null }>`
      select latchkey_drop_usage_week(
        (clock_timestamp() at time zone 'utc') - ${usageRetentionMs} * interval '1 millisecond'
      ) as name`.execute(db);
    if (!rows[0]?.name) return dropped;
  }
  return maxWeeks;
}

/** Deletes what is older than its retention in the other tables, in batches. Returns the number of rows. */
export async function deleteOldUsage(db: Db, { clientAddressRetentionMs }: UsageRetention): Promise<number> {
  const addressDays =
    clientAddressRetentionMs === undefined ? -1 : Math.ceil(clientAddressRetentionMs / dayMs);
  const networkAge = Math.min(addressDays, networkDays);
  const unknownAge = addressDays < 0 ? networkDays : networkAge;
  const today = sql`(clock_timestamp() at time zone 'utc')::date`;
  return (
    (await inBatches(() =>
      sql`
        update api_key_token_use
        set client_address = null, client_address_day = null, client_address_at = null
        where token_id in (
          select token_id from api_key_token_use where client_address_day < ${today} - ${addressDays}::integer
          limit ${batchSize} for update skip locked
        )`.execute(db),
    )) +
    (await inBatches(() =>
      sql`
        delete from key_network where (api_key_id, network) in (
          select api_key_id, network from key_network where seen_on < ${today} - ${networkAge}::integer
          limit ${batchSize} for update skip locked
        )`.execute(db),
    )) +
    (await inBatches(() =>
      sql`
        delete from unknown_token_usage where (account_id, hour, network) in (
          select account_id, hour, network from unknown_token_usage
          where hour < clock_timestamp() - ${unknownAge} * interval '1 day'
          limit ${batchSize} for update skip locked
        )`.execute(db),
    )) +
    (await inBatches(() =>
      sql`
        delete from usage_signal where (api_key_id, signal, day) in (
          select api_key_id, signal, day from usage_signal where day < ${today} - 1
          limit ${batchSize} for update skip locked
        )`.execute(db),
    )) +
    (await inBatches(() =>
      sql`
        delete from usage_batch where id in (
          select id from usage_batch where recorded_at < clock_timestamp() - interval '1 hour'
          limit ${batchSize} for update skip locked
        )`.execute(db),
    ))
  );
}

// Each batch is a transaction of its own, which locks its rows for some milliseconds.
async function inBatches(deleteSome: () => Promise<{ numAffectedRows?: bigint }>): Promise<number> {
  let deleted = 0;
  for (let batch = 1; batch <= maxBatches; batch++) {
    const rows = Number((await deleteSome()).numAffectedRows ?? 0);
    deleted += rows;
    if (rows < batchSize) break;
  }
  return deleted;
}
