import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { requireTeamWithin } from "../access/holder-bounds.ts";
import { type Caller, refuseItself } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { invalidField, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { countLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { checkServiceTeam } from "../role/change.ts";

/** A service account, and how many live keys it has. */
export interface ServiceAccount extends Selectable<Database["service_account"]> {
  apiKeys: number;
}

/** What a service account is made from. */
export interface NewServiceAccount {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  teamId: string;
}

/** What an update changes. What is left out stays. */
export interface ServiceAccountUpdate {
  id: string;
  etag: string;
  name?: string;
  description?: string;
  externalId?: string;
  labels?: Labels;
  teamId?: string;
}

const noun = "service account";
const auditedFields = ["name", "description", "external_id", "labels", "team_id"] as const;

/** Makes a service account in a team. Nobody makes one that may do more than they. */
export async function createServiceAccount(
  db: Store,
  caller: Caller,
  bounds: Bounds,
  input: NewServiceAccount,
): Promise<ServiceAccount> {
  const name = requireName(input.name);
  const id = newId("sa");
  const locks = [
    rowLock("team", caller.accountId, input.teamId, "share"),
    countLock(caller.accountId, "service_account"),
  ];
  return mutate(
    db,
    { by: caller, locks },
    async (tx, caller) => {
      await checkTeam(tx, caller, input.teamId);
      await requireTeamWithin(tx, caller.accountId, bounds, input.teamId);
      const profileId = newId("prof");
      await tx
        .insertInto("profile")
        .values({ id: profileId, account_id: caller.accountId, type: "service_account", name })
        .execute();
      const insert = tx.insertInto("service_account").values({
        id,
        account_id: caller.accountId,
        profile_id: profileId,
        team_id: input.teamId,
        name,
        name_key: nameKey(name),
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        created_by: caller.profile.id,
      });
      await giveName(noun, insert.execute());
      requireWithin(bounds, "serviceAccountsPerAccount", await countServiceAccounts(tx, caller));
      const made = await getServiceAccount(tx, caller, id);
      const after = pick(made, auditedFields);
      return { result: made, events: [{ resourceType: "service_account", resourceId: id, after }] };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a service account of the caller's account. A deleted one is not found. */
export async function getServiceAccount(db: Db, caller: Caller, id: string): Promise<ServiceAccount> {
  const found = await selectServiceAccounts(db, caller)
    .where("service_account.id", "=", id)
    .executeTakeFirst();
  if (!found) throw notFound(noun);
  return found;
}

/** Lists the service accounts of the caller's account. */
export function listServiceAccounts(db: Db, caller: Caller, input: ListInput): Promise<Page<ServiceAccount>> {
  const query = selectServiceAccounts(db, caller).where(listFilter("service_account", input));
  return page(query, "service_account.id", input, (one) => one.id);
}

/** Changes a service account. Moving it to another team changes what its keys may do. */
export async function updateServiceAccount(
  db: Store,
  caller: Caller,
  bounds: Bounds,
  input: ServiceAccountUpdate,
): Promise<ServiceAccount> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const locks = [
    rowLock("service_account", caller.accountId, input.id, "no key update"),
    rowLock("team", caller.accountId, input.teamId ?? "", "share"),
  ];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const before = await getServiceAccount(tx, caller, input.id);
    checkEtag(input.etag, before.version);
    const after = {
      name: name ?? before.name,
      description: input.description ?? before.description,
      external_id: input.externalId ?? before.external_id,
      labels: input.labels ?? before.labels,
      team_id: input.teamId ?? before.team_id,
    };
    const changes = difference(pick(before, auditedFields), after);
    if (!changes) return { result: before, events: [] };
    refuseItself(caller, before);
    if (after.team_id !== before.team_id) {
      await checkTeam(tx, caller, after.team_id, before.team_id);
      await requireTeamWithin(tx, caller.accountId, bounds, after.team_id, before.team_id);
    }
    const update = tx
      .updateTable("service_account")
      .set({ ...after, name_key: nameKey(after.name), version: before.version + 1 })
      .where("id", "=", before.id);
    await giveName(noun, update.execute());
    await tx.updateTable("profile").set({ name: after.name }).where("id", "=", before.profile_id).execute();
    return {
      result: await getServiceAccount(tx, caller, before.id),
      events: [{ resourceType: "service_account", resourceId: before.id, ...changes }],
    };
  });
}

/** Deletes a service account and revokes its keys, for good. */
export async function deleteServiceAccount(db: Store, caller: Caller, id: string): Promise<void> {
  const locks = [rowLock("service_account", caller.accountId, id, "update")];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const found = await getServiceAccount(tx, caller, id);
    refuseItself(caller, found);
    const now = sql<Date>`clock_timestamp()`;
    const keys = await tx
      .updateTable("api_key")
      .set((eb) => ({ revoked_at: now, changed_at: now, version: eb("version", "+", 1) }))
      .where("account_id", "=", caller.accountId)
      .where("owner_profile_id", "=", found.profile_id)
      .where("revoked_at", "is", null)
      .returning("id")
      .execute();
    await tx.deleteFrom("service_account").where("id", "=", found.id).execute();
    await tx.updateTable("profile").set({ removed_at: now }).where("id", "=", found.profile_id).execute();
    const before = { ...pick(found, auditedFields), api_key_ids: keys.map((key) => key.id) };
    return { result: undefined, events: [{ resourceType: "service_account", resourceId: id, before }] };
  });
}

async function countServiceAccounts(tx: Tx, caller: Caller): Promise<number> {
  const { total } = await tx
    .selectFrom("service_account")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", caller.accountId)
    .executeTakeFirstOrThrow();
  return total;
}

async function checkTeam(tx: Tx, caller: Caller, teamId: string, from?: string): Promise<void> {
  const team = await tx
    .selectFrom("team")
    .select("id")
    .where("account_id", "=", caller.accountId)
    .where("id", "=", teamId)
    .executeTakeFirst();
  if (!team) throw invalidField("spec.team_id", "expected the id of a team of this account");
  await checkServiceTeam(tx, caller, team.id, from);
}

function selectServiceAccounts(db: Db, caller: Caller) {
  return db
    .selectFrom("service_account")
    .selectAll("service_account")
    .select(
      sql<number>`(
        select count(*)::int from api_key k
        where k.account_id = service_account.account_id
          and k.owner_profile_id = service_account.profile_id and k.revoked_at is null
      )`.as("apiKeys"),
    )
    .where("service_account.account_id", "=", caller.accountId);
}
