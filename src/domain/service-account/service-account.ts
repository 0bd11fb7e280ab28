import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import type { Bounds } from "../access/bounds.ts";
import { requireTeamWithin } from "../access/holder-bounds.ts";
import { type Caller, refuseItself } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { notFound } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { auditedFields, newServiceAccount, type ServiceAccountFields } from "./new.ts";
import { checkTeam, readTargetTeam } from "./team.ts";

/** A service account, with the number of its live keys. */
export interface ServiceAccount extends Selectable<Database["service_account"]> {
  apiKeys: number;
}

/** The fields of a new service account, and the id of the request. */
export interface NewServiceAccount extends ServiceAccountFields {
  requestId: string;
}

/** The fields of an update. A field that is left out stays as it is. */
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
/** Creates a service account in a team. The caller must hold all permissions of the team. */
export async function createServiceAccount(
  db: Store,
  caller: Caller,
  bounds: Bounds,
  input: NewServiceAccount,
): Promise<ServiceAccount> {
  const creation = newServiceAccount(caller, bounds, input);
  const { id, locks, read } = creation;
  return mutate(
    db,
    { by: caller, locks, read },
    async (tx, caller, found) => ({
      events: [creation.check(caller, found)],
      async write() {
        const [, made] = await together([creation.write(tx, caller), getServiceAccount(tx, caller, id)]);
        return made;
      },
    }),
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a service account of the caller's account. A deleted service account is not found. */
export async function getServiceAccount(db: Db, caller: Caller, id: string): Promise<ServiceAccount> {
  return requireServiceAccount(await readServiceAccount(db, caller, id));
}

/** Lists the service accounts of the caller's account. */
export function listServiceAccounts(db: Db, caller: Caller, input: ListInput): Promise<Page<ServiceAccount>> {
  const fits = listFilter("service_account", input);
  return page(db, selectServiceAccounts(db, caller), "service_account.id", input, fits);
}

/** Changes a service account. A move to another team changes the permissions of its keys. */
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
  const read = async (tx: Tx) => {
    const [before, team, taken] = await together([
      readServiceAccount(tx, caller, input.id),
      input.teamId === undefined ? undefined : readTargetTeam(tx, caller, bounds, input.teamId, input.id),
      findByExternalId(tx, "service_account", caller.accountId, input.externalId),
    ]);
    return { before, team, taken };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { before: found, team, taken }) => {
    const before = requireServiceAccount(found);
    checkEtag(input.etag, before.version);
    const after = {
      name: name ?? before.name,
      description: input.description ?? before.description,
      external_id: input.externalId ?? before.external_id,
      labels: input.labels ?? before.labels,
      team_id: input.teamId ?? before.team_id,
    };
    const changes = difference(pick(before, auditedFields), after);
    if (!changes) return { events: [], write: async () => before };
    refuseItself(caller, before);
    requireFree(taken, before.id);
    if (team && after.team_id !== before.team_id) {
      await checkTeam(tx, caller, team, after.team_id, before.team_id);
      requireTeamWithin(bounds, team.oversized, after.team_id, before.team_id);
    }
    const update = tx
      .updateTable("service_account")
      .set({ ...after, name_key: nameKey(after.name), version: before.version + 1 })
      .where("id", "=", before.id);
    const rename = tx.updateTable("profile").set({ name: after.name }).where("id", "=", before.profile_id);
    return {
      events: [{ resourceType: "service_account", resourceId: before.id, ...changes }],
      async write() {
        const [, , updated] = await together([
          giveName(noun, update.execute()),
          rename.execute(),
          getServiceAccount(tx, caller, before.id),
        ]);
        return updated;
      },
    };
  });
}

/** Reads a service account of the caller's account. Returns undefined if it does not exist there. */
export function readServiceAccount(db: Db, caller: Caller, id: string): Promise<ServiceAccount | undefined> {
  return selectServiceAccounts(db, caller).where("service_account.id", "=", id).executeTakeFirst();
}

/** Throws the error for a service account that does not exist. */
export function requireServiceAccount(found: ServiceAccount | undefined): ServiceAccount {
  if (!found) throw notFound(noun);
  return found;
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
