import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { isPlatform } from "../access/acting.ts";
import { type Caller, isPlatformKey, type UserCaller } from "../access/principal.ts";
import { type ApiKey, keyOf, selectSystemKey } from "../api-key/api-key.ts";
import { type Credits, creditsColumn } from "../credit/credit.ts";
import { difference } from "../kernel/audit-event.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { findByExternalId, requireFreeAccount } from "../kernel/external-id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";

/** An account, with its system key if the caller may see that key. */
export interface Account extends Selectable<Database["account"]> {
  /** The credits of all keys of the account together, if they were read. Null if their number is not limited. */
  credits?: Credits | null;
  systemKey?: ApiKey;
}

/** The fields of an update. A field that is left out stays as it is. */
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
  const row = await selectSystemKey(db, caller)
    .select(sql<Json>`(select to_json(a) from account a where a.id = api_key.account_id)`.as("account"))
    .select(creditsColumn(sql.ref("api_key.account_id")).as("credits"))
    .executeTakeFirst();
  if (!row) return getAccountById(db, caller.accountId);
  const { account, credits, ...key } = row;
  return { ...accountOf(account), credits, systemKey: keyOf(key) };
}

type AccountRow = Selectable<Database["account"]>;
/** Converts the times, which are strings in JSON, to dates. */
type Json = {
  [K in keyof AccountRow]: AccountRow[K] extends Date
    ? string
    : AccountRow[K] extends Date | null
      ? string | null
      : AccountRow[K];
};

function accountOf(json: Json): AccountRow {
  const date = (text: string | null) => (text === null ? null : new Date(text));
  return {
    ...json,
    created_at: new Date(json.created_at),
    suspended_at: date(json.suspended_at),
    deleted_at: date(json.deleted_at),
    delete_at: date(json.delete_at),
  };
}

/** Changes the caller's account. The id of another account fails like the id of a missing one. */
export async function updateAccount(db: Store, caller: Caller, input: AccountUpdate): Promise<Account> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  if (input.id !== "" && input.id !== caller.accountId) throw notFound("account");
  const locks = [accountLock(caller.accountId, "no key update")];
  const read = (tx: Tx) =>
    together([
      getAccountById(tx, caller.accountId),
      findByExternalId(tx, "account", caller.accountId, input.externalId),
    ]);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, [before, taken]) => {
    checkEtag(input.etag, before.version);
    const after = {
      name: name ?? before.name,
      labels: input.labels ?? before.labels,
      external_id: input.externalId ?? before.external_id,
      description: input.description ?? before.description,
    };
    const changes = difference({ ...before }, after);
    requireActive(before, after);
    if (!changes) return { events: [], write: () => getAccount(tx, caller) };
    requireFreeAccount(taken, isPlatformKey(caller) || isPlatform(caller), before.id);
    const update = tx
      .updateTable("account")
      .set({ ...after, version: before.version + 1 })
      .where("id", "=", before.id);
    return {
      events: [{ resourceType: "account", resourceId: before.id, ...changes }],
      async write() {
        const [, account] = await together([update.execute(), getAccount(tx, caller)]);
        return account;
      },
    };
  });
}

// Only a platform key comes here while the account is suspended or deleted. It can free an external id that the account has
// taken from another customer.
function requireActive(
  before: Account,
  { external_id, ...others }: Pick<Account, "name" | "labels" | "external_id" | "description">,
): void {
  if (!before.suspended_at && !before.deleted_at) return;
  const { name, labels, description } = before;
  if (external_id === "" && !difference({ name, labels, description }, others)) return;
  throw new DomainError("ACCOUNT_SUSPENDED", "the account is suspended", { account_id: before.id });
}

/** Lists the accounts of a user. For a token of an external issuer, only the accounts that the issuer may act in. */
export async function listAccounts(db: Db, user: UserCaller, input: ListInput): Promise<Page<Account>> {
  let query = selectAccounts(db)
    .innerJoin("membership", "membership.account_id", "account.id")
    .where("membership.user_id", "=", user.userId);
  const scope = user.external?.scope;
  if (scope && !scope.platform) query = query.where("account.platform", "=", false);
  if (scope && scope.accounts !== "*") query = query.where(sql<boolean>`account.id = any(${scope.accounts})`);
  return page(db, query, "account.id", input, listFilter("account", input));
}

/** Returns all accounts of a user, for the response to a log-in. */
export function accountsOfUser(db: Db, userId: string): Promise<Account[]> {
  return selectAccounts(db)
    .innerJoin("membership", "membership.account_id", "account.id")
    .where("membership.user_id", "=", userId)
    .orderBy("account.id")
    .execute();
}

/** Returns an account by its id. */
export function getAccountById(db: Db, id: string): Promise<Account> {
  return selectAccounts(db).where("account.id", "=", id).executeTakeFirstOrThrow();
}

/** Selects accounts with their credits. */
export function selectAccounts(db: Db) {
  return db
    .selectFrom("account")
    .selectAll("account")
    .select(creditsColumn(sql.ref("account.id")).as("credits"));
}
