import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { entitledNumber } from "../access/entitlement.ts";
import { type Caller, requireOwner } from "../access/principal.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock } from "../kernel/row-lock.ts";
import { nameKey } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type Account, getAccountById } from "./account.ts";

const defaultDays = 30;
const maxDays = 36_500;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Deletes the caller's account. All of its credentials end at once. Its data is removed when the waiting period has ended,
 * which the platform sets as the entitlement `deletion_days`.
 */
export function deleteAccount(db: Store, caller: Caller, name: string): Promise<Account> {
  requireOwner(caller);
  if (caller.platform) {
    throw new DomainError("WRONG_STATE", "the platform account cannot be deleted", {
      account_id: caller.accountId,
    });
  }
  const locks = [accountLock(caller.accountId, "update")];
  const read = (tx: Tx) => getAccountById(tx, caller.accountId);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, account, now) => {
    requireOwner(caller);
    if (nameKey(name) !== nameKey(account.name))
      throw invalidField("name", "expected the name of the account");
    const days = Math.min(entitledNumber(account.entitlements, "deletion_days") ?? defaultDays, maxDays);
    const end = { deleted_at: now, delete_at: new Date(now.getTime() + days * dayMs) };
    const update = tx
      .updateTable("account")
      .set({ ...end, version: account.version + 1 })
      .where("id", "=", account.id);
    const change = { before: { deleted: false }, after: { deleted: true, delete_at: end.delete_at } };
    return {
      events: [{ resourceType: "account", resourceId: account.id, ...change }],
      async write() {
        const [, deleted] = await together([update.execute(), getAccountById(tx, account.id)]);
        return deleted;
      },
    };
  });
}

// Tables in the order of deletion: a table comes before the tables that it references.
const tables = [
  "embed_session",
  "guest",
  "workspace_grant",
  "team_member",
  "team_role",
  "invite",
  "service_account",
  "team",
  "grace_period",
  "usage_signal",
  "key_network",
  "key_usage",
  "account_usage",
  "unknown_token_usage",
  "api_key_token",
  "credit",
  "api_key",
  "workspace",
  "membership",
  "role",
  "audit_event",
] as const;

/** Removes the data of one account whose waiting period has ended. Returns its id, or undefined if there is none. */
export function purgeOneAccount(db: Db): Promise<string | undefined> {
  return db.transaction().execute(async (tx) => {
    const due = await tx
      .selectFrom("account")
      .select("id")
      .where(sql<boolean>`delete_at <= clock_timestamp()`)
      .orderBy("delete_at")
      .limit(1)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (!due) return undefined;
    await purgeAccount(tx, due.id);
    return due.id;
  });
}

/** Deletes an account and all of its rows. */
export async function purgeAccount(tx: Tx, id: string): Promise<void> {
  // Platform keys that act for the account have its id before their own (`limitName`). A `!` follows the space.
  await sql`
    delete from request
    where caller_id in (select id from profile where account_id = ${id})
      or (caller_id > ${`${id} `} and caller_id < ${`${id}!`})`.execute(tx);
  for (const table of tables) {
    await sql`delete from ${sql.table(table)} where account_id = ${id}`.execute(tx);
  }
  // The account references the profile that created it. The constraint is checked at commit.
  await tx.deleteFrom("profile").where("account_id", "=", id).execute();
  await tx.deleteFrom("account").where("id", "=", id).execute();
}
