import type { Db } from "../../db/connect.ts";
import type { Holder } from "../access/escalation.ts";
import type { Caller } from "../access/principal.ts";
import { asStandIn } from "../access/stand-in.ts";
import { hasNoOwner } from "../account/first-owner.ts";
import { notFound } from "../kernel/error.ts";
import { type ApiKey, type ApiKeyRow, keyOf, requireKey, selectSystemKey, systemKey } from "./api-key.ts";

/** Returns the system key of the caller's account. */
export async function getSystemKey(db: Db, caller: Caller): Promise<ApiKey> {
  const row = await selectSystemKey(db, caller).executeTakeFirst();
  return keyOf(requireKey(row));
}

/** Returns the id of the system key of the caller's account. It never changes, so a change may read it before it locks. */
export async function systemKeyId(db: Db, { accountId }: Caller): Promise<string> {
  const key = await db
    .selectFrom("api_key")
    .select("id")
    .where("account_id", "=", accountId)
    .where("system", "=", true)
    .executeTakeFirst();
  if (!key) throw notFound("API key");
  return key.id;
}

/**
 * Returns whether a platform key stands in for the owner that an account does not have yet. It must act for the account and
 * hold `accounts:manage`.
 */
export async function readOwnerless(db: Db, { accountId, home }: Caller): Promise<boolean> {
  return home?.managesAccounts ? hasNoOwner(db, accountId) : false;
}

/**
 * Returns whether the caller decides about the system key of an account without an owner. `ownerless` is the result of
 * `readOwnerless`.
 */
export function standsInForOwner({ home }: Caller, ownerless: boolean): boolean {
  return ownerless && home?.managesAccounts === true;
}

/**
 * Returns the caller as `checkKey` compares it, if it rotates or enables a key. A platform key that stands in for the owner
 * counts with the permissions of an owner for the system key.
 */
export function holderFor(caller: Caller, key: ApiKeyRow, ownerless: boolean): Holder {
  return key.system && standsInForOwner(caller, ownerless) ? asStandIn(caller) : caller;
}

/** Fails with `SYSTEM_KEY` if the key is a system key about which the caller does not decide. */
export function checkSystemKey(
  caller: Caller,
  key: ApiKeyRow,
  ownerless: boolean,
  what: "rotated" | "disabled" | "enabled",
): void {
  if (!key.system || caller.owner || caller.keyId === key.id || standsInForOwner(caller, ownerless)) return;
  const others = "or by the platform while the account has no owner";
  throw systemKey(key, `a system key can be ${what} only by an owner's session, by itself, ${others}`);
}
