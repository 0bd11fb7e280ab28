import { type Selectable, sql } from "kysely";
import type { Db, Store } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import type { Caller, UserCaller } from "../access/principal.ts";
import { type ApiKey, findSystemKey } from "../api-key/api-key.ts";
import { difference } from "../kernel/audit-event.ts";
import { notFound } from "../kernel/error.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";

/** An account; its system key where the caller may see it. */
export interface Account extends Selectable<Database["account"]> {
  systemKey?: ApiKey;
}

/** What an update changes. What is left out stays. */
export interface AccountUpdate {
  id: string;
  etag: string;
  name?: string;
  labels?: Labels;
  externalId?: string;
  description?: string;
}

/** Returns the caller's account, with its system key. */
export async function getAccount(db: Db, caller: Caller): Promise<Account> {
  const account = await getAccountById(db, caller.accountId);
  const systemKey = await findSystemKey(db, caller);
  return { ...account, ...(systemKey && { systemKey }) };
}

/** Changes the caller's account. Naming another one looks exactly like naming a missing one. */
export async function updateAccount(db: Store, caller: Caller, input: AccountUpdate): Promise<Account> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  if (input.id !== "" && input.id !== caller.accountId) throw notFound("account");
  const locks = [accountLock(caller.accountId, "no key update")];
  await mutate(db, { by: caller, locks }, async (tx) => {
    const before = await tx
      .selectFrom("account")
      .selectAll()
      .where("id", "=", caller.accountId)
      .executeTakeFirstOrThrow();
    checkEtag(input.etag, before.version);
    const after = {
      name: name ?? before.name,
      labels: input.labels ?? before.labels,
      external_id: input.externalId ?? before.external_id,
      description: input.description ?? before.description,
    };
    const changes = difference(before, after);
    if (!changes) return { result: undefined, events: [] };
    await tx
      .updateTable("account")
      .set({ ...after, version: before.version + 1 })
      .where("id", "=", before.id)
      .execute();
    return { result: undefined, events: [{ resourceType: "account", resourceId: before.id, ...changes }] };
  });
  return getAccount(db, caller);
}

/** Lists the accounts that a user belongs to; for a token of an outside issuer, those that it speaks for. */
export async function listAccounts(db: Db, user: UserCaller, input: ListInput): Promise<Page<Account>> {
  let query = db
    .selectFrom("account")
    .innerJoin("membership", "membership.account_id", "account.id")
    .selectAll("account")
    .where("membership.user_id", "=", user.userId)
    .where(listFilter("account", input));
  const scope = user.external?.scope;
  if (scope && !scope.platform) query = query.where("account.platform", "=", false);
  if (scope && scope.accounts !== "*") query = query.where(sql<boolean>`account.id = any(${scope.accounts})`);
  return page(query, "account.id", input, (account) => account.id);
}

/** All accounts of a user, for the answer to a log-in. */
export function accountsOfUser(db: Db, userId: string): Promise<Account[]> {
  return db
    .selectFrom("account")
    .innerJoin("membership", "membership.account_id", "account.id")
    .selectAll("account")
    .where("membership.user_id", "=", userId)
    .orderBy("account.id")
    .execute();
}

/** An account by its id. */
export function getAccountById(db: Db, id: string): Promise<Account> {
  return db.selectFrom("account").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}
