import { type Expression, type Selectable, type SqlBool, sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { holds } from "../access/permission.ts";
import { type Caller, requirePermissionOrOwn } from "../access/principal.ts";
import { memberRights, type Rights, serviceAccountRights } from "../access/rights.ts";
import { liveGrants } from "../access/workspace-grant.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { type ApiKeyInfo, infoColumn, infoOf, type StoredInfo } from "./info.ts";

/** A key as it is stored, and whether it has expired by the database's clock. */
export interface ApiKeyRow extends Selectable<Database["api_key"]> {
  expired: boolean;
  /** The service account that owns a service key. */
  service_account_id: string | null;
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

/**
 * Returns a key of the caller's account. Another account's key looks exactly like a missing one. Without the permission
 * people see their own developer keys, and of no other whether it exists.
 */
export async function getApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  const key = await selectWithInfo(db, caller, id);
  if (!holds(caller.permissions, "api_keys:read"))
    requirePermissionOrOwn(caller, "api_keys:read", key !== undefined && isOwnDeveloperKey(caller, key));
  return present(key);
}

/** A key of the caller's account, for an operation that has decided that the caller may see it. */
export async function findApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  return present(await selectWithInfo(db, caller, id));
}

/** Selects the system key of the caller's account, for `keyOf`. */
export function selectSystemKey(db: Db, caller: Caller) {
  return selectKeys(db)
    .select(infoColumn.as("info"))
    .where("account_id", "=", caller.accountId)
    .where("system", "=", true);
}

async function selectWithInfo(db: Db, caller: Caller, id: string): Promise<ApiKey | undefined> {
  const row = await selectKeys(db)
    .select(infoColumn.as("info"))
    .where("account_id", "=", caller.accountId)
    .where("id", "=", id)
    .executeTakeFirst();
  return row && keyOf(row);
}

/** A key from its row, with what the server knows of it. */
export function keyOf({ info, ...row }: ApiKeyRow & { info: StoredInfo }): ApiKey {
  return { ...row, info: infoOf(info, row.revoked_at !== null) };
}

function present<T>(key: T | undefined): T {
  if (!key) throw notFound("API key");
  return key;
}

/** Lists the keys of the caller's account, or without the permission the caller's own developer keys. */
export async function listApiKeys(db: Db, caller: Caller, filter: ApiKeyFilter): Promise<Page<ApiKey>> {
  const all = holds(caller.permissions, "api_keys:read");
  requirePermissionOrOwn(caller, "api_keys:read", all || caller.kind === "user");
  let query = selectKeys(db).where("account_id", "=", caller.accountId);
  // There is an index of the keys of an owner, and one of those that are not revoked.
  if (!all) query = query.where("owner_profile_id", "=", caller.profile.id);
  else if (!filter.showRevoked) query = query.where("revoked_at", "is", null);
  const own = all
    ? undefined
    : sql<boolean>`kind = 'developer' and (${filter.showRevoked} or revoked_at is null)`;
  const fits = listFilter("api_key", filter, own);
  if (!filter.includeInfo) return page(db, query, "api_key.id", filter, fits);
  const found = await page(db, query.select(infoColumn.as("info")), "api_key.id", filter, fits);
  return { ...found, items: found.items.map(keyOf) };
}

/** Whether a key is a person's own, and the person is asking: such a key needs no permission. */
export function isOwnDeveloperKey(caller: Caller, key: ApiKeyRow): boolean {
  return caller.kind === "user" && key.kind === "developer" && key.owner_profile_id === caller.profile.id;
}

/** The lock under which a key is changed. */
export function apiKeyLock({ accountId }: Caller, id: string): RowLock {
  return rowLock("api_key", accountId, id, "no key update");
}

/** Reads a key for a change, which locks it: changes of one key happen one after the other. */
export function readKey(tx: Tx, { accountId }: Caller, id: string): Promise<ApiKeyRow | undefined> {
  return selectKeys(tx).where("account_id", "=", accountId).where("id", "=", id).executeTakeFirst();
}

/** A key as a change finds it under its lock, if what the key reaches matters: with the live workspaces granted to it, and what its owner may do now. */
export interface LockedKey extends ApiKeyRow {
  granted: string[];
  /** Null where no owner narrows the key's own list, or where the owner is not there any more. */
  owner_rights: Rights | null;
}

/** Reads a key for such a change. */
export function readLockedKey(tx: Tx, { accountId }: Caller, id: string): Promise<LockedKey | undefined> {
  const account = sql.ref("api_key.account_id");
  const owner = sql.ref("api_key.owner_profile_id");
  return selectKeys(tx)
    .select(liveGrants(account, sql.ref("api_key.profile_id")).as("granted"))
    .select(
      sql<Rights | null>`case
        when api_key.system then null
        when api_key.kind = 'service' then ${serviceAccountRights(account, owner)}
        when api_key.kind = 'developer' then ${memberRights(account, owner)}
      end`.as("owner_rights"),
    )
    .where("account_id", "=", accountId)
    .where("id", "=", id)
    .executeTakeFirst();
}

/** Refuses a key that was not found. */
export function requireKey<K extends ApiKeyRow>(key: K | undefined): K {
  return present(key);
}

/**
 * The same for who holds a permission, or to whom the key is their own. To anybody else a missing key and one that is not
 * theirs look alike.
 */
export function requireKeyOrOwn<K extends ApiKeyRow>(
  caller: Caller,
  key: K | undefined,
  permission: string,
  isOwn: (key: ApiKeyRow) => boolean,
): K {
  if (!holds(caller.permissions, permission))
    requirePermissionOrOwn(caller, permission, key !== undefined && isOwn(key));
  return present(key);
}

/** Reads those of some keys that still fit a condition, for a change, which has locked them. */
export function readApiKeys(
  tx: Tx,
  caller: Caller,
  ids: readonly string[],
  condition: Expression<SqlBool>,
): Promise<ApiKeyRow[]> {
  return selectKeys(tx)
    .where("account_id", "=", caller.accountId)
    .where(sql<boolean>`id = any (${ids})`)
    .where(condition)
    .orderBy("id")
    .execute();
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

function selectKeys(db: Db) {
  return db
    .selectFrom("api_key")
    .selectAll("api_key")
    .select(sql<boolean>`coalesce(expires_at <= clock_timestamp(), false)`.as("expired"))
    .select(
      sql<string | null>`(
        select s.id from service_account s where s.profile_id = api_key.owner_profile_id
      )`.as("service_account_id"),
    );
}
