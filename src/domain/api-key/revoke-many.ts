import { type Expression, type SqlBool, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { ApiKeyKind } from "../../db/schema.ts";
import type { Caller } from "../access/principal.ts";
import { invalidField, notFound } from "../kernel/error.ts";
import { parseLabelSelector } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { together } from "../kernel/together.ts";
import { apiKeyLock, readApiKeys } from "./api-key.ts";
import { revocationsOf, writeRevocations } from "./state.ts";

/** The filter of the keys to revoke. A key must match all given fields. Empty strings do not filter. */
export interface RevocationFilter {
  labels: string;
  createdBy: string;
  kind: ApiKeyKind | undefined;
  mintedByKeyId: string;
}

/** The request to revoke keys: a filter, a limit, and whether to change nothing. */
export interface Revocation {
  filter: RevocationFilter;
  limit: number;
  dryRun: boolean;
}

/** How long the caller waits for the response. */
export interface CallerWait {
  /** Aborts when the caller has stopped waiting. */
  signal: AbortSignal;
  /** Returns the time left in milliseconds, or undefined if the caller set no deadline. */
  timeoutMs(): number | undefined;
}

/** The number of keys that one call revoked, and the number of matching keys that remain. */
export interface Revoked {
  revokedCount: number;
  remainingCount: number;
}

const defaultLimit = 1_000;
const maxLimit = 10_000;
// The keys of one transaction. This size needs few commits and holds its locks only briefly.
const batchSize = 100;
// While one batch waits for its commit and for the other instances, the next one is written.
const concurrentBatches = 2;
const maxMs = 10_000;
// The time before the deadline that the call needs to count the rest and to respond.
const reserveMs = 2_000;

/**
 * Revokes keys of the caller's account that match a filter, oldest first and in batches. Begins no batch if none is left, the
 * limit is reached or the time is up, but runs at least one. System keys never match. The caller's own key
 * does not match either, because the caller could not repeat the call then. A key or profile in the filter must exist, so that a
 * wrong id does not look like an empty result.
 */
export async function revokeApiKeys(
  db: Store,
  caller: Caller,
  { filter, limit, dryRun }: Revocation,
  wait: CallerWait,
): Promise<Revoked> {
  const start = performance.now();
  const fitting = fits(caller, filter);
  await requireNamed(db, caller, filter);
  const matching = filter.mintedByKeyId
    ? sql<SqlBool>`${fitting} and ${isSuccessor(caller, filter.mintedByKeyId)}`
    : fitting;
  if (dryRun) return { revokedCount: 0, remainingCount: await count(db, caller, matching) };
  const ids = await find(db, caller, matching, Math.min(limit || defaultLimit, maxLimit));
  let begun = 0;
  let failed = false;
  // Runs at least one batch, even without matching keys. Another call may just have revoked them, and this call
  // waits until that change is effective everywhere.
  const isDone = () => failed || (begun > 0 && (begun >= ids.length || isLate(wait, start)));
  async function revokeInTurn(): Promise<number> {
    let revoked = 0;
    while (!isDone()) {
      const batch = ids.slice(begun, begun + batchSize);
      begun += batchSize;
      revoked += await revokeBatch(db, caller, batch, fitting).catch((error) => {
        failed = true;
        throw error;
      });
    }
    return revoked;
  }
  const counts = await together(Array.from({ length: concurrentBatches }, revokeInTurn));
  const revokedCount = counts.reduce((sum, one) => sum + one, 0);
  return { revokedCount, remainingCount: await count(db, caller, matching) };
}

/** Returns how many keys of a batch were revoked. Another call may have revoked some of them meanwhile. */
function revokeBatch(
  db: Store,
  caller: Caller,
  ids: readonly string[],
  fitting: Expression<SqlBool>,
): Promise<number> {
  const locks = ids.map((id) => apiKeyLock(caller, id));
  const read = (tx: Tx) => readApiKeys(tx, caller, ids, fitting);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, keys) => {
    const events = revocationsOf(caller, keys);
    return { events, write: () => writeRevocations(tx, events).then(() => events.length) };
  });
}

function isLate({ signal, timeoutMs }: CallerWait, start: number): boolean {
  if (signal.aborted || performance.now() - start >= maxMs) return true;
  const left = timeoutMs();
  return left !== undefined && left <= reserveMs;
}

// Returns the conditions except `minted_by_key_id`, whose value never changes.
function fits(caller: Caller, filter: RevocationFilter): Expression<SqlBool> {
  const { labels, createdBy, kind, mintedByKeyId } = filter;
  if (!labels && !createdBy && !kind && !mintedByKeyId) {
    throw invalidField("filter", "expected at least one of labels, created_by, kind and minted_by_key_id");
  }
  const conditions = [sql`revoked_at is null and not system and id <> ${caller.keyId ?? ""}`];
  if (labels) {
    const wanted = JSON.stringify(parseLabelSelector(labels, "filter.labels"));
    conditions.push(sql`labels @> ${wanted}::jsonb`);
  }
  if (createdBy) conditions.push(sql`created_by = ${createdBy}`);
  if (kind) conditions.push(sql`kind = ${kind}`);
  return sql`${sql.join(conditions, sql` and `)}`;
}

// Follows revoked keys too, because the keys that they minted stay valid. Postgres computes an array once. For a
// join, it may compute the successors again for every key.
function isSuccessor({ accountId }: Caller, keyId: string): Expression<SqlBool> {
  return sql`id = any (array(
    with recursive successor (id) as (
      select id from api_key where account_id = ${accountId} and minted_by_key_id = ${keyId}
      union
      select id from api_key where account_id = ${accountId} and platform_key_id = ${keyId}
      union
      select k.id from successor s
      join api_key k on k.account_id = ${accountId} and k.minted_by_key_id = s.id
    )
    select id from successor
  ))`;
}

async function requireNamed(db: Db, caller: Caller, filter: RevocationFilter): Promise<void> {
  // A platform key that minted keys of this account belongs to another account.
  const named = [
    { noun: "API key", table: "api_key", id: filter.mintedByKeyId, is: ["id", "platform_key_id"] },
    { noun: "profile", table: "profile", id: filter.createdBy, is: ["id"] },
  ];
  for (const { noun, table, id, is } of named) {
    if (!id) continue;
    const matches = is.map((column) => sql`${sql.ref(column)} = ${id}`);
    const { rows } = await sql`
      select from ${sql.table(table)}
      where account_id = ${caller.accountId} and (${sql.join(matches, sql` or `)}) limit 1`.execute(db);
    if (rows.length === 0) throw notFound(noun);
  }
}

async function find(db: Db, caller: Caller, matching: Expression<SqlBool>, limit: number): Promise<string[]> {
  const keys = db.selectFrom("api_key").select("id").where("account_id", "=", caller.accountId);
  const found = await keys.where(matching).orderBy("id").limit(limit).execute();
  return found.map((key) => key.id);
}

async function count(db: Db, caller: Caller, matching: Expression<SqlBool>): Promise<number> {
  const { total } = await db
    .selectFrom("api_key")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", caller.accountId)
    .where(matching)
    .executeTakeFirstOrThrow();
  return total;
}
