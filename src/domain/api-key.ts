import { type Selectable, sql } from "kysely";
import type { Db, Tx } from "../db/connect.ts";
import type { Database } from "../db/schema.ts";
import { type ApiKeyInfo, loadInfo } from "./api-key-info.ts";
import { DomainError, notFound } from "./error.ts";
import { type ListInput, listFilter, type Page, page } from "./list.ts";
import type { Caller } from "./principal.ts";

/** A key as it is stored, and whether it has expired by the database's clock. */
export interface ApiKeyRow extends Selectable<Database["api_key"]> {
  expired: boolean;
}

/** A key: with `info` where it was asked for, with `token` only in the answer that minted it. */
export interface ApiKey extends ApiKeyRow {
  info?: ApiKeyInfo;
  token?: string;
}

/** Which keys to list. */
export interface ApiKeyFilter extends ListInput {
  includeInfo: boolean;
  showRevoked: boolean;
}

/** What is recorded of a key in an audit event. */
export const auditedFields = [
  "name",
  "description",
  "external_id",
  "labels",
  "kind",
  "environment",
  "workspace_scope",
  "permissions",
  "expires_at",
] as const;

/** Returns a key of the caller's account. Another account's key looks exactly like a missing one. */
export async function getApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  const row = await selectKeys(db)
    .where("account_id", "=", caller.accountId)
    .where("id", "=", id)
    .executeTakeFirst();
  const [apiKey] = row ? await withInfo(db, [row]) : [];
  if (!apiKey) throw notFound("API key");
  return apiKey;
}

/** Lists the keys of the caller's account; revoked ones only on request, `info` only on request. */
export async function listApiKeys(db: Db, caller: Caller, filter: ApiKeyFilter): Promise<Page<ApiKey>> {
  let query = selectKeys(db).where("account_id", "=", caller.accountId).where(listFilter("api_key", filter));
  if (!filter.showRevoked) query = query.where("revoked_at", "is", null);
  const found = await page(query, "api_key.id", filter, (row) => row.id);
  return filter.includeInfo ? { ...found, items: await withInfo(db, found.items) } : found;
}

/** Reads a key for a change and locks it, so that changes of one key happen one after the other. */
export async function lockApiKey(tx: Tx, caller: Caller, id: string): Promise<ApiKeyRow> {
  const row = await selectKeys(tx)
    .where("account_id", "=", caller.accountId)
    .where("id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw notFound("API key");
  return row;
}

/** Marks a locked key as changed: another etag, effective from now. */
export async function touchApiKey(tx: Tx, key: ApiKeyRow): Promise<void> {
  await tx
    .updateTable("api_key")
    .set((eb) => ({ version: key.version + 1, changed_at: eb.fn("clock_timestamp") }))
    .where("id", "=", key.id)
    .execute();
}

/** Refuses to change what is over for good. */
export function refuseRevoked(key: ApiKeyRow): void {
  if (key.revoked_at) {
    throw new DomainError("WRONG_STATE", "the key is revoked, for good", {
      key_id: key.id,
      state: "revoked",
    });
  }
}

/** The refusal of what is not done to a system key. */
export function systemKey(key: ApiKeyRow, message: string): DomainError {
  return new DomainError("SYSTEM_KEY", message, { key_id: key.id });
}

/** Keys with what the server knows of them, in a few statements for any number of keys. */
export async function withInfo(db: Db, rows: ApiKeyRow[]): Promise<ApiKey[]> {
  const infos = await loadInfo(db, rows);
  return rows.map((row) => ({ ...row, ...(infos.get(row.id) && { info: infos.get(row.id) }) }));
}

function selectKeys(db: Db) {
  return db
    .selectFrom("api_key")
    .selectAll("api_key")
    .select(sql<boolean>`coalesce(expires_at <= clock_timestamp(), false)`.as("expired"));
}
