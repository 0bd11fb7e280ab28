import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Caller } from "../access/principal.ts";
import { isWithinLimits, type NewRateLimit, requireRateLimits } from "../access/rate-limit.ts";
import { refuseSupersededOrLimited } from "../access/stand-in.ts";
import { type Actor, type Change, difference, type Fields } from "../kernel/audit-event.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { requireFree } from "../kernel/external-id.ts";
import { type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock, type LockMode } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { type Account, getAccountById, selectAccounts } from "./account.ts";

/** Lists accounts of the whole platform. */
export function searchAccounts(db: Db, input: ListInput): Promise<Page<Account>> {
  return page(db, selectAccounts(db), "account.id", input, listFilter("account", input));
}

/** Replaces the entitlements of an account. A superseded token can add none. */
export function setEntitlements(
  db: Store,
  caller: Caller,
  id: string,
  entitlements: string[],
): Promise<Account> {
  return change(db, caller, id, ({ account, caller }) => {
    const added = entitlements.some((one) => !account.entitlements.includes(one));
    if (added) refuseSupersededOrLimited(caller);
    return difference({ entitlements: account.entitlements }, { entitlements });
  });
}

/** Replaces the rate limits of an account. A superseded token can only tighten them. */
export function setRateLimits(
  db: Store,
  caller: Caller,
  id: string,
  input: readonly NewRateLimit[],
): Promise<Account> {
  const limits = requireRateLimits(input, "rate_limits");
  return change(db, caller, id, ({ account, caller }) => {
    if (!isWithinLimits(limits, account.rate_limits)) refuseSupersededOrLimited(caller);
    return difference({ rate_limits: account.rate_limits }, { rate_limits: limits });
  });
}

/** Stops all credentials of an account at once. The platform account cannot be suspended. */
export function suspendAccount(db: Store, caller: Caller, id: string): Promise<Account> {
  const decide = ({ account, now }: Before) => {
    if (account.platform) {
      throw new DomainError("WRONG_STATE", "the platform account cannot be suspended", {
        account_id: account.id,
      });
    }
    return account.suspended_at
      ? undefined
      : { before: { suspended_at: null }, after: { suspended_at: now } };
  };
  return change(db, caller, id, decide, "update");
}

/**
 * Undoes a suspension, or a deletion whose waiting period has not ended. Fails with `ALREADY_EXISTS` if another account has
 * the external id of a deleted account meanwhile.
 */
export function resumeAccount(db: Store, caller: Caller, id: string): Promise<Account> {
  const decide = ({ account: { suspended_at, deleted_at, delete_at }, taken, caller }: Before) => {
    if (!suspended_at && !deleted_at) return undefined;
    // All credentials of the account are accepted again, so this counts like enabling a key.
    refuseSupersededOrLimited(caller);
    requireFree(taken, id);
    return {
      before: { suspended_at, deleted_at, delete_at },
      after: { suspended_at: null, deleted_at: null, delete_at: null },
    };
  };
  return change(db, caller, id, decide);
}

/** Returns the actor of an action of the platform in an account. It is recorded there, under the system profile of the account. */
export function byPlatform(caller: Caller, accountId: string, systemProfileId: string): Actor {
  return { accountId, profileId: systemProfileId, keyId: caller.keyId ?? "", via: "platform" };
}

/** What a change of an account by the platform depends on. */
interface Before {
  account: Account;
  /** A live account with the same external id. */
  taken: string | undefined;
  now: Date;
  caller: Caller;
}

type Decision = { before: Fields; after: Fields } | undefined;

function change(
  db: Store,
  caller: Caller,
  id: string,
  decide: (before: Before) => Decision,
  mode: LockMode = "no key update",
): Promise<Account> {
  const locks = [accountLock(id, mode)];
  const read = async (tx: Tx) => {
    const [account, profileId, taken] = await together([
      findAccount(tx, id),
      findSystemProfile(tx, id),
      findSameExternalId(tx, id),
    ]);
    return { account, profileId, taken };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { account, profileId, taken }, now) => {
    if (!account || profileId === undefined) throw notFound("account");
    const decision = decide({ account, taken, now, caller });
    if (!decision) return { events: [], write: async () => account };
    const update = tx
      .updateTable("account")
      .set({ ...columnsOf(decision.after), version: account.version + 1 })
      .where("id", "=", id);
    const actor = byPlatform(caller, id, profileId);
    const event: Actor & Change = { ...actor, resourceType: "account", resourceId: id, ...decision };
    return {
      events: [event],
      async write() {
        const [, changed] = await together([update.execute(), getAccountById(tx, id)]);
        return changed;
      },
    };
  });
}

// A list is stored as JSON, and only JSON text tells it apart from an array of Postgres.
function columnsOf({ rate_limits: limits, ...others }: Fields): Fields {
  return { ...others, ...(limits !== undefined && { rate_limits: JSON.stringify(limits) }) };
}

function findAccount(tx: Tx, id: string): Promise<Account | undefined> {
  return selectAccounts(tx).where("account.id", "=", id).executeTakeFirst();
}

// Finds a live account with the same external id. It is the account itself, or another one while this one is deleted.
async function findSameExternalId(tx: Tx, id: string): Promise<string | undefined> {
  const same = await tx
    .selectFrom("account")
    .innerJoin("account as named", "named.external_id", "account.external_id")
    .select("account.id")
    .where("named.id", "=", id)
    .where("account.external_id", "<>", "")
    .where("account.deleted_at", "is", null)
    .executeTakeFirst();
  return same?.id;
}

/** Returns the system profile of an account that may not exist. */
export async function findSystemProfile(tx: Tx, accountId: string): Promise<string | undefined> {
  const profile = await tx
    .selectFrom("profile")
    .select("id")
    .where("account_id", "=", accountId)
    .where("type", "=", "system")
    .executeTakeFirst();
  return profile?.id;
}
