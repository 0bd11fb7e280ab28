import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import { reachesAll } from "../access/escalation.ts";
import type { Caller } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { notFound } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { countRows } from "../kernel/row-count.ts";
import { accountLock, countLock, type LockMode, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkTeamRoles } from "../role/change.ts";
import { beforeLocks, underLocks } from "../role/comparison.ts";
import { findTeamRoles, giveRoles, setRoles } from "./roles.ts";

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

/** The fields of a team that an audit event stores. */
export const auditedFields = ["name", "description", "external_id", "labels", "roles"] as const;

/** Creates a team. The caller must hold all permissions of its roles. */
export async function createTeam(db: Store, caller: Caller, deps: AccessDeps, input: NewTeam): Promise<Team> {
  const name = requireName(input.name);
  const id = newId("team");
  const read = (tx: Tx) =>
    together([
      findTeamRoles(tx, caller, deps, input.roles),
      countRows(tx, "team", caller.accountId),
      findByExternalId(tx, "team", caller.accountId, input.externalId),
    ]);
  return mutate(
    db,
    { by: caller, locks: [countLock(caller.accountId, "team")], read },
    async (tx, caller, [roles, total, taken]) => {
      const row = {
        id,
        account_id: caller.accountId,
        name,
        name_key: nameKey(name),
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        created_by: caller.profile.id,
      };
      await checkTeamRoles(tx, caller, deps, id, roles, underLocks(undefined));
      requireWithin(deps.bounds, "teamsPerAccount", total + 1);
      requireFree(taken);
      const roleIds = roles.map((role) => role.id).sort();
      return {
        events: [
          { resourceType: "team", resourceId: id, after: pick({ ...row, roles: roleIds }, auditedFields) },
        ],
        async write() {
          const [, , team] = await together([
            giveName("team", tx.insertInto("team").values(row).execute()),
            giveRoles(tx, caller, deps, id, roleIds),
            getTeam(tx, caller, id),
          ]);
          return team;
        },
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a team of the caller's account. */
export async function getTeam(db: Db, caller: Caller, id: string): Promise<Team> {
  return requireTeam(await readTeam(db, caller, id));
}

/** Reads a team of the caller's account. Returns undefined if it does not exist there. */
export function readTeam(db: Db, caller: Caller, id: string): Promise<Team | undefined> {
  return selectTeams(db, caller).where("team.id", "=", id).executeTakeFirst();
}

/** Fails with `NOT_FOUND` if a team was not found. */
export function requireTeam(team: Team | undefined): Team {
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
  const read = (tx: Tx) =>
    together([
      readTeam(tx, caller, input.id),
      findByExternalId(tx, "team", caller.accountId, input.externalId),
    ]);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, [found, taken]) => {
    const team = requireTeam(found);
    checkEtag(input.etag, team.version);
    const roles = input.roles && (await findTeamRoles(tx, caller, deps, input.roles, team.roles.length));
    const after = {
      name: name ?? team.name,
      description: input.description ?? team.description,
      external_id: input.externalId ?? team.external_id,
      labels: input.labels ?? team.labels,
      roles: roles?.map((role) => role.id).sort() ?? team.roles,
    };
    const changes = difference(pick(team, auditedFields), after);
    if (!changes) return { events: [], write: async () => team };
    requireFree(taken, team.id);
    if (roles) await setRoles(tx, caller, deps, team.id, team.roles, roles, underLocks(compared));
    const { roles: _, ...columns } = after;
    const update = tx
      .updateTable("team")
      .set({ ...columns, name_key: nameKey(after.name), version: team.version + 1 })
      .where("id", "=", team.id);
    return {
      events: [{ resourceType: "team", resourceId: team.id, ...changes }],
      async write() {
        const [, updated] = await together([
          giveName("team", update.execute()),
          getTeam(tx, caller, team.id),
        ]);
        return updated;
      },
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

/** The locks of a change of a team. The permissions of all members change, so the lock waits for other running changes of the account. */
export function teamLocks({ accountId }: Caller, id: string, mode: LockMode): RowLock[] {
  return [accountLock(accountId, "no key update"), rowLock("team", accountId, id, mode)];
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
