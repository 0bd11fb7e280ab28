import { sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { isMissingPartition } from "../../db/errors.ts";
import { inTransaction } from "../../db/transaction.ts";
import type { KeyCount, TokenUse, UnknownCount, UsageBatch } from "../kernel/usage-batch.ts";
import { addWeeks } from "./retention.ts";
import { recordSignals, usesJson } from "./signals.ts";

/** The hour of a count: that of the batch, or that of the database's clock if the batch has an hour without a partition. */
type Hour = "counted" | "current";

/**
 * Records a batch in one transaction, if no batch with its id was recorded within the last hour. Keys and tokens that do not
 * exist any more are skipped. Every statement locks its rows in the order of their keys, so that two writers cannot deadlock.
 *
 * If the clock of a server is wrong by weeks, its batches have hours without a partition. Its batch counts in the current hour, because a
 * batch that can never be recorded would stop all later ones.
 */
export async function recordUsage(db: Db, batch: UsageBatch): Promise<void> {
  if (await tryRecord(db, batch, "counted")) return;
  await addWeeks(db);
  if (await tryRecord(db, batch, "counted")) return;
  await record(db, batch, "current");
}

async function tryRecord(db: Db, batch: UsageBatch, hour: Hour): Promise<boolean> {
  try {
    await record(db, batch, hour);
    return true;
  } catch (error) {
    if (!isMissingPartition(error)) throw error;
    return false;
  }
}

function record(db: Db, batch: UsageBatch, hour: Hour): Promise<unknown> {
  const commit = (tx: Tx) => sql`select`.execute(tx);
  return inTransaction(db, (tx) => recordIn(tx, batch, hour), commit);
}

async function recordIn(
  tx: Tx,
  { id, tokens, counts, unknown, sessions }: UsageBatch,
  hour: Hour,
): Promise<void> {
  const { numAffectedRows } = await sql`
    insert into usage_batch (id) values (${id}) on conflict (id) do nothing`.execute(tx);
  if (numAffectedRows === 0n) return;
  // The signals compare with what was recorded before.
  if (tokens.length > 0) await recordSignals(tx, tokens);
  if (tokens.length > 0) await recordTokens(tx, tokens);
  if (sessions.length > 0) await recordSessions(tx, sessions);
  if (counts.length > 0) await recordCounts(tx, counts, hour);
  if (unknown.length > 0) await recordUnknown(tx, unknown);
}

// A server whose clock is ahead must not keep a session alive, or hide later uses of a token.
const usedAt = sql`least(to_timestamp(used.at / 1000.0), clock_timestamp())`;

// Guards report late, so an earlier use may be recorded after a later one. Earlier versions of the server record no time of the
// address. Then the later report counts as the later use.
const isLaterAddress = sql`(excluded.client_address is not null and (stored.client_address is null
  or coalesce(stored.client_address_at, '-infinity') <= excluded.client_address_at))`;

async function recordTokens(tx: Tx, tokens: readonly TokenUse[]): Promise<void> {
  await sql`
    insert into api_key_token_use as stored
      (token_id, last_used_at, client_address, client_address_day, client_address_at)
    select token.id, ${usedAt}, used.address,
      case when used.address is not null then (${usedAt} at time zone 'utc')::date end,
      case when used.address is not null then ${usedAt} end
    from jsonb_to_recordset(${usesJson(tokens)}::jsonb) as used (id bigint, at double precision, address text)
    join api_key_token token on token.id = used.id
    order by token.id
    on conflict (token_id) do update set
      last_used_at = greatest(stored.last_used_at, excluded.last_used_at),
      client_address = case when ${isLaterAddress} then excluded.client_address else stored.client_address end,
      client_address_day =
        case when ${isLaterAddress} then excluded.client_address_day else stored.client_address_day end,
      client_address_at =
        case when ${isLaterAddress} then excluded.client_address_at else stored.client_address_at end`.execute(
    tx,
  );
}

// A server whose clock is behind must not end a session that is new.
async function recordSessions(tx: Tx, sessions: UsageBatch["sessions"]): Promise<void> {
  await sql`
    insert into session_use as stored (session_id, last_used_at)
    select session.id, greatest(session.created_at, ${usedAt})
    from unnest(
      ${sessions.map(({ sessionId }) => sessionId)}::text[],
      ${sessions.map(({ usedAt }) => usedAt)}::double precision[]
    ) as used (id, at)
    join session on session.id = used.id
    order by session.id
    on conflict (session_id) do update
      set last_used_at = greatest(stored.last_used_at, excluded.last_used_at)`.execute(tx);
}

// The counts of the account are the sums of those of its keys, and are read when a request names no key.
async function recordCounts(tx: Tx, counts: readonly KeyCount[], of: Hour): Promise<void> {
  const hour =
    of === "counted"
      ? sql`to_timestamp(counted.hour / 1000.0)`
      : sql`date_trunc('hour', clock_timestamp(), 'UTC')`;
  const rows = JSON.stringify(counts.map(({ keyId: key_id, ...one }) => ({ key_id, ...one })));
  const counted = sql`
    jsonb_to_recordset(${rows}::jsonb) as counted (key_id text, hour double precision, verdict text, count bigint)
    join api_key key on key.id = counted.key_id`;
  await sql`
    insert into key_usage as stored (account_id, api_key_id, hour, verdict, count)
    select key.account_id, key.id, ${hour}, counted.verdict, sum(counted.count)
    from ${counted}
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict (account_id, api_key_id, hour, verdict) do update
      set count = stored.count + excluded.count`.execute(tx);
  await sql`
    insert into account_usage as stored (account_id, hour, environment, verdict, count)
    select key.account_id, ${hour}, coalesce(key.environment, ''), counted.verdict,
      sum(counted.count)
    from ${counted}
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict (account_id, hour, environment, verdict) do update
      set count = stored.count + excluded.count`.execute(tx);
}

async function recordUnknown(tx: Tx, unknown: readonly UnknownCount[]): Promise<void> {
  await sql`
    insert into unknown_token_usage as stored (account_id, hour, network, count)
    select account.id, to_timestamp(counted.hour / 1000.0), counted.network, counted.count
    from unnest(
      ${unknown.map(({ accountId }) => accountId)}::text[],
      ${unknown.map(({ hour }) => hour)}::double precision[],
      ${unknown.map(({ network }) => network)}::text[],
      ${unknown.map(({ count }) => count)}::bigint[]
    ) as counted (account_id, hour, network, count)
    join account on account.id = counted.account_id
    order by 1, 2, 3
    on conflict (account_id, hour, network) do update set count = stored.count + excluded.count`.execute(tx);
}
