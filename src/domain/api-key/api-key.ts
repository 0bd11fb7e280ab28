import { type Expression, type Selectable, type SqlBool, sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { fixedStatement, type Value } from "../../db/fixed-statement.ts";
import type { Database, KeyLimitsJson, Labels } from "../../db/schema.ts";
import { holds } from "../access/permission.ts";
import { type Caller, requirePermissionOrOwn } from "../access/principal.ts";
import { memberRights, type Rights, serviceAccountRights } from "../access/rights.ts";
import { liveGrants } from "../access/workspace-grant.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { type ApiKeyInfo, infoColumn, infoOf, type StoredInfo } from "./info.ts";

/** A key as it is stored, and whether it has expired by the clock of the database. */
export interface ApiKeyRow extends Selectable<Database["api_key"]> {
  expired: boolean;
  /** The service account that owns a service key. */
  service_account_id: string | null;
}

/** A key. It has `info` if the caller requested it, and `token` only in the response that minted it. */
export interface ApiKey extends ApiKeyRow {
  info?: ApiKeyInfo;
  token?: string;
}

/** The fields of a key that an audit event stores. */
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
  "rate_limits",
] as const;

/**
 * Returns a key of the caller's account. Another account's key looks exactly like a missing one. Without the
 * permission, a person sees only their own developer keys. Other keys then fail with the same error whether they exist
 * or not.
 */
export async function getApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  const key = await selectWithInfo(db, caller, id);
  if (!holds(caller.permissions, "api_keys:read"))
    requirePermissionOrOwn(caller, "api_keys:read", key !== undefined && isOwnDeveloperKey(caller, key));
  return requireKey(key);
}

/** Returns a key of the caller's account. The calling operation must already have decided that the caller may see it. */
export async function findApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  return requireKey(await selectWithInfo(db, caller, id));
}

/** Selects the system key of the caller's account, for `keyOf`. */
export function selectSystemKey(db: Db, caller: Caller) {
  return selectKeys(db)
    .select(infoColumn.as("info"))
    .where("account_id", "=", caller.accountId)
    .where("system", "=", true);
}

async function selectWithInfo(db: Db, { accountId }: Caller, id: string): Promise<ApiKey | undefined> {
  const [row] = await keyWithInfo(db, { accountId, id });
  return row && keyOf(row);
}

/** Converts a key from its row, with the fields that the server sets. */
export function keyOf({ info, ...row }: ApiKeyRow & { info: StoredInfo }): ApiKey {
  return { ...row, info: infoOf(info, row.revoked_at !== null) };
}

/** Returns whether a key is a developer key of the caller. The caller needs no permission for it. */
export function isOwnDeveloperKey(caller: Caller, key: ApiKeyRow): boolean {
  return caller.kind === "user" && key.kind === "developer" && key.owner_profile_id === caller.profile.id;
}

/** Returns the lock under which a key is changed. */
export function apiKeyLock({ accountId }: Caller, id: string): RowLock {
  return rowLock("api_key", accountId, id, "no key update");
}

/** Reads a key within a change that has locked it. The lock orders all changes of one key. */
export async function readKey(tx: Tx, { accountId }: Caller, id: string): Promise<ApiKeyRow | undefined> {
  const [key] = await keyOfAccount(tx, { accountId, id });
  return key;
}

/**
 * A key as a change reads it under its lock, if the reach of the key matters. It includes the live workspaces granted
 * to the key, what its owner may do now, and its limits.
 */
export interface LockedKey extends ApiKeyRow {
  granted: string[];
  /** Null if no owner narrows the list of the key, or if the owner no longer exists. */
  owner_rights: Rights | null;
  limits: KeyLimitsJson | null;
}

/** Reads a key within a change for which the reach of the key matters. */
export async function readLockedKey(
  tx: Tx,
  { accountId }: Caller,
  id: string,
): Promise<LockedKey | undefined> {
  const [key] = await lockedKey(tx, { accountId, id });
  return key;
}

/** Fails with `NOT_FOUND` if the key was not found. */
export function requireKey<K extends ApiKeyRow>(key: K | undefined): K {
  if (!key) throw notFound("API key");
  return key;
}

/**
 * The same for callers that hold a permission or own the key. For any other caller, a missing key and a foreign key
 * fail with the same error.
 */
export function requireKeyOrOwn<K extends ApiKeyRow>(
  caller: Caller,
  key: K | undefined,
  permission: string,
  isOwn: (key: ApiKeyRow) => boolean,
): K {
  if (!holds(caller.permissions, permission))
    requirePermissionOrOwn(caller, permission, key !== undefined && isOwn(key));
  return requireKey(key);
}

/** Reads the locked keys that still match a condition, within a change. */
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

/** Returns the size of labels that `labelBytesPerKey` limits. Labels are ASCII. */
export function labelBytes(labels: Labels): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(labels)) bytes += name.length + value.length;
  return bytes;
}

/** Marks a locked key as changed. It gets a new etag and a new `changed_at`. */
export async function touchApiKey(tx: Tx, key: ApiKeyRow): Promise<void> {
  await tx
    .updateTable("api_key")
    .set((eb) => ({ version: key.version + 1, changed_at: eb.fn("clock_timestamp") }))
    .where("id", "=", key.id)
    .execute();
}

/** Fails with `WRONG_STATE` if the key is revoked, because a revocation is permanent. */
export function refuseRevoked(key: ApiKeyRow): void {
  if (key.revoked_at) {
    throw new DomainError("WRONG_STATE", "the key is permanently revoked", {
      key_id: key.id,
      state: "revoked",
    });
  }
}

/** Returns the error for an operation that a system key does not allow. */
export function systemKey(key: ApiKeyRow, message: string): DomainError {
  return new DomainError("SYSTEM_KEY", message, { key_id: key.id });
}

/** Selects keys as they are stored, for a condition of the caller. */
export function selectKeys(db: Db) {
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

interface KeyId {
  accountId: string;
  id: string;
}

const keyOfAccount = fixedStatement((db, value: Value<KeyId>) => selectOne(db, value));

const keyWithInfo = fixedStatement((db, value: Value<KeyId>) =>
  selectOne(db, value).select(infoColumn.as("info")),
);

const lockedKey = fixedStatement((db, value: Value<KeyId>) => {
  const account = sql.ref("api_key.account_id");
  const owner = sql.ref("api_key.owner_profile_id");
  return selectOne(db, value)
    .select(liveGrants(account, sql.ref("api_key.profile_id")).as("granted"))
    .select(
      sql<Rights | null>`case
        when api_key.system then null
        when api_key.kind = 'service' then ${serviceAccountRights(account, owner)}
        when api_key.kind = 'developer' then ${memberRights(account, owner)}
      end`.as("owner_rights"),
    )
    .select(sql<KeyLimitsJson | null>`latchkey_key_limits(api_key.id)`.as("limits"));
});

function selectOne(db: Db, value: Value<KeyId>) {
  return selectKeys(db).where("account_id", "=", value("accountId")).where("id", "=", value("id"));
}
