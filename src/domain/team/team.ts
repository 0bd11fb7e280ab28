import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import { reachesAll } from "../access/escalation.ts";
import { oversizedTeams, requireTeamWithin } from "../access/holder-bounds.ts";
import { type Caller, refuseItself } from "../access/principal.ts";
import { type Change, difference } from "../kernel/audit-event.ts";
import { DomainError, invalidField, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { accountLock, countLock, type LockMode, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { type AccessDeps, checkServiceTeam, checkTeamRoles } from "../role/change.ts";
import { beforeLocks, underLocks } from "../role/comparison.ts";
import { findTeamRoles, setRoles } from "./roles.ts";

/** A team, with the ids of its roles and the number of its members. */
export interface Team extends Selectable<Database["team"]> {
  roles: string[];
  members: number;
  serviceAccounts: number;
}

/** The fields of a new team. `roles`: ids or names. */
export interface NewTeam {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  roles: string[];
}

/** The fields of an update. A field that is left out stays as it is. */
export interface TeamUpdate {
  id: string;
  etag: string;
  name?: string;
  description?: string;
  externalId?: string;
  labels?: Labels;
  roles?: string[];
}

/** Creates a team. The caller must hold all permissions of its roles. */
export async function createTeam(db: Store, caller: Caller, deps: AccessDeps, input: NewTeam): Promise<Team> {
  const name = requireName(input.name);
  const id = newId("team");
  return mutate(
    db,
    { by: caller, locks: [countLock(caller.accountId, "team")] },
    async (tx, caller) => {
      const roles = await findTeamRoles(tx, caller, deps, input.roles);
      const insert = tx.insertInto("team").values({
        id,
        account_id: caller.accountId,
        name,
        name_key: nameKey(name),
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        created_by: caller.profile.id,
      });
      await giveName("team", insert.execute());
      await setRoles(tx, caller, deps, id, [], roles, underLocks(undefined));
      requireWithin(deps.bounds, "teamsPerAccount", await countTeams(tx, caller));
      const team = await getTeam(tx, caller, id);
      return { result: team, events: [{ resourceType: "team", resourceId: id, after: audited(team) }] };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a team of the caller's account. */
export async function getTeam(db: Db, caller: Caller, id: string): Promise<Team> {
  const team = await selectTeams(db, caller).where("team.id", "=", id).executeTakeFirst();
  if (!team) throw notFound("team");
  return team;
}

/** Lists the teams of the caller's account. */
export function listTeams(db: Db, caller: Caller, input: ListInput): Promise<Page<Team>> {
  return page(db, selectTeams(db, caller), "team.id", input, listFilter("team", input));
}

/** Changes a team. New roles change the permissions of its members and service accounts. */
export async function updateTeam(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: TeamUpdate,
): Promise<Team> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const compared = await compareUpdate(db, caller, deps, input);
  const locks = teamLocks(caller, input.id, "no key update");
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const team = await getTeam(tx, caller, input.id);
    checkEtag(input.etag, team.version);
    const roles = input.roles && (await findTeamRoles(tx, caller, deps, input.roles, team.roles.length));
    const after = {
      name: name ?? team.name,
      description: input.description ?? team.description,
      external_id: input.externalId ?? team.external_id,
      labels: input.labels ?? team.labels,
      roles: roles?.map((role) => role.id).sort() ?? team.roles,
    };
    const changes = difference(audited(team), after);
    if (!changes) return { result: team, events: [] };
    if (roles) await setRoles(tx, caller, deps, team.id, team.roles, roles, underLocks(compared));
    const { roles: _, ...columns } = after;
    const update = tx
      .updateTable("team")
      .set({ ...columns, name_key: nameKey(after.name), version: team.version + 1 })
      .where("id", "=", team.id);
    await giveName("team", update.execute());
    return {
      result: await getTeam(tx, caller, team.id),
      events: [{ resourceType: "team", resourceId: team.id, ...changes }],
    };
  });
}

async function compareUpdate(
  db: Db,
  caller: Caller,
  deps: AccessDeps,
  { id, etag, roles: references }: TeamUpdate,
): Promise<string | undefined> {
  if (!references || reachesAll(caller)) return undefined;
  const team = await getTeam(db, caller, id);
  checkEtag(etag, team.version);
  const roles = await findTeamRoles(db, caller, deps, references, team.roles.length);
  return checkTeamRoles(db, caller, deps, id, roles, beforeLocks(deps.comparisons));
}

/** Deletes a team. Its service accounts move to `replacement`. Fails with `IN_USE` if it has some and no replacement is given. */
export async function deleteTeam(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: { id: string; replacement: string },
): Promise<void> {
  const locks = teamLocks(caller, input.id, "update");
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const team = await getTeam(tx, caller, input.id);
    const moved: Change[] = [];
    if (team.serviceAccounts > 0) {
      if (input.replacement === "") throw await inUse(tx, team);
      moved.push(...(await moveServiceAccounts(tx, caller, deps, team, input.replacement)));
    }
    await tx.deleteFrom("team").where("id", "=", team.id).execute();
    const deleted = { resourceType: "team", resourceId: team.id, before: audited(team) };
    return { result: undefined, events: [...moved, deleted] };
  });
}

// The permissions of all members change, so the lock waits for other running changes of the account.
function teamLocks({ accountId }: Caller, id: string, mode: LockMode): RowLock[] {
  return [accountLock(accountId, "no key update"), rowLock("team", accountId, id, mode)];
}

async function inUse(tx: Tx, team: Team): Promise<DomainError> {
  const owned = await tx
    .selectFrom("service_account")
    .select("id")
    .where("account_id", "=", team.account_id)
    .where("team_id", "=", team.id)
    .orderBy("id")
    .limit(20)
    .execute();
  return new DomainError(
    "IN_USE",
    "the team has service accounts; name the team that gets them in replacement",
    {
      service_account_ids: owned.map((one) => one.id).join(","),
    },
  );
}

async function moveServiceAccounts(
  tx: Tx,
  caller: Caller,
  deps: AccessDeps,
  team: Team,
  replacement: string,
): Promise<Change[]> {
  if (replacement === team.id) throw invalidField("replacement", "expected another team");
  const target = await getTeam(tx, caller, replacement);
  await checkServiceTeam(tx, caller, target.id, team.id);
  const sizes = await oversizedTeams(tx, caller.accountId, deps.bounds, [target.id, team.id]);
  requireTeamWithin(deps.bounds, sizes, target.id, team.id);
  const moved = await tx
    .updateTable("service_account")
    .set((eb) => ({ team_id: target.id, version: eb("version", "+", 1) }))
    .where("account_id", "=", caller.accountId)
    .where("team_id", "=", team.id)
    .returning(["id", "profile_id"])
    .execute();
  for (const one of moved) refuseItself(caller, one);
  return moved.map(({ id }) => ({
    resourceType: "service_account",
    resourceId: id,
    before: { team_id: team.id },
    after: { team_id: target.id },
  }));
}

async function countTeams(tx: Tx, caller: Caller): Promise<number> {
  const { total } = await tx
    .selectFrom("team")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", caller.accountId)
    .executeTakeFirstOrThrow();
  return total;
}

function audited({ name, description, external_id, labels, roles }: Team) {
  return { name, description, external_id, labels, roles };
}

function selectTeams(db: Db, caller: Caller) {
  return db
    .selectFrom("team")
    .selectAll("team")
    .select([
      sql<string[]>`array(
        select role_id from team_role x where x.account_id = team.account_id and x.team_id = team.id order by role_id
      )`.as("roles"),
      sql<number>`(
        select count(*)::int from team_member x where x.account_id = team.account_id and x.team_id = team.id
      )`.as("members"),
      sql<number>`(
        select count(*)::int from service_account x
        where x.account_id = team.account_id and x.team_id = team.id
      )`.as("serviceAccounts"),
    ])
    .where("team.account_id", "=", caller.accountId);
}
