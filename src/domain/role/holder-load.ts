import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Holding, RoleGrants, RoleHolder } from "../access/role-holder.ts";

/** Whose holders to load: of a role (directly, by a team or by a pending invite), of a team, or one person. */
export type HeldBy = { roleId: string } | { teamId: string } | { profileId: string };

/**
 * Loads who holds something and what all their roles and teams allow now. Holders with the same role and teams are one,
 * with the workspaces of all of them, so that the size of an account does not matter much.
 */
export async function loadHolding(
  db: Db,
  accountId: string,
  by: HeldBy,
  also: { roleIds?: readonly string[]; teamIds?: readonly string[] } = {},
): Promise<Holding> {
  const holders = await loadHolders(db, accountId, by);
  const roleIds = [...holders.flatMap(({ roleId }) => roleId ?? []), ...(also.roleIds ?? [])];
  const teamIds = [...holders.flatMap((holder) => holder.teamIds), ...(also.teamIds ?? [])];
  return { holders, grants: await loadGrants(db, accountId, roleIds, teamIds) };
}

/** The workspaces of those who may claim a role for one request: everybody whom an outside issuer vouches for. */
export async function workspacesOfExternalUsers(db: Db, accountId: string): Promise<"all" | string[]> {
  const { rows } = await sql<{ all: boolean | null; workspaces: string[] }>`
    select bool_or(p.all_workspaces) as all, coalesce(array_agg(distinct w.id) filter (where w.id is not null), '{}') as workspaces
    from (
      select m.profile_id, r.all_workspaces
      from membership m
      join role r on r.account_id = m.account_id and r.id = m.role_id
      where m.account_id = ${accountId} and exists (select from identity i where i.user_id = m.user_id)
      union all
      select g.profile_id, false
      from guest g
      join profile p on p.id = g.profile_id
      where g.account_id = ${accountId} and p.removed_at is null
    ) p
    left join workspace_grant x on x.account_id = ${accountId} and x.profile_id = p.profile_id
    left join workspace w on w.account_id = x.account_id and w.id = x.workspace_id and w.archived_at is null`.execute(
    db,
  );
  const [row] = rows;
  return row?.all ? "all" : (row?.workspaces ?? []);
}

async function loadHolders(db: Db, accountId: string, by: HeldBy): Promise<RoleHolder[]> {
  const { rows } = await sql<{ roleId: string | null; teamIds: string[]; workspaces: string[] | null }>`
    select p.role_id as "roleId", p.team_ids as "teamIds",
      coalesce(array_agg(distinct w.id) filter (where w.id is not null), '{}') as workspaces
    from (${people(accountId, by)}) p
    left join workspace_grant g on g.account_id = ${accountId} and g.profile_id = p.profile_id
    left join workspace w on w.account_id = g.account_id and w.id = g.workspace_id and w.archived_at is null
    group by 1, 2
    union all
    select null, array[s.team_id], null
    from (${serviceTeams(accountId, by)}) s
    union all
    select i.role_id, '{}', coalesce(array_agg(distinct w.id) filter (where w.id is not null), '{}')
    from (${invites(accountId, by)}) i
    left join workspace w on w.account_id = ${accountId} and w.id = any (i.workspace_ids) and w.archived_at is null
    group by 1`.execute(db);
  return rows.map(({ workspaces, ...holder }) => ({ ...holder, workspaces: workspaces ?? "all" }));
}

function people(accountId: string, by: HeldBy) {
  const ofTeam =
    "teamId" in by
      ? sql`x.team_id = ${by.teamId}`
      : sql`exists (
          select from team_role r
          where r.account_id = x.account_id and r.team_id = x.team_id
            and r.role_id = ${"roleId" in by ? by.roleId : ""}
        )`;
  const byTeam = sql`m.profile_id in (
    select x.profile_id from team_member x where x.account_id = ${accountId} and ${ofTeam}
  )`;
  const condition =
    "profileId" in by
      ? sql`m.profile_id = ${by.profileId}`
      : "roleId" in by
        ? sql`(m.role_id = ${by.roleId} or ${byTeam})`
        : byTeam;
  return sql`
    select m.profile_id, m.role_id, array(
      select x.team_id from team_member x
      where x.account_id = m.account_id and x.profile_id = m.profile_id order by 1
    ) as team_ids
    from membership m
    where m.account_id = ${accountId} and ${condition}`;
}

function serviceTeams(accountId: string, by: HeldBy) {
  const condition =
    "profileId" in by
      ? sql`s.profile_id = ${by.profileId}`
      : "teamId" in by
        ? sql`s.team_id = ${by.teamId}`
        : sql`s.team_id in (
            select x.team_id from team_role x where x.account_id = ${accountId} and x.role_id = ${by.roleId}
          )`;
  return sql`
    select distinct s.team_id from service_account s where s.account_id = ${accountId} and ${condition}`;
}

function invites(accountId: string, by: HeldBy) {
  return sql`
    select i.role_id, i.workspace_ids from invite i
    where i.account_id = ${accountId} and i.role_id = ${"roleId" in by ? by.roleId : ""}
      and i.accepted_at is null and i.revoked_at is null and i.expires_at > clock_timestamp()`;
}

async function loadGrants(
  db: Db,
  accountId: string,
  roleIds: readonly string[],
  teamIds: readonly string[],
): Promise<RoleGrants> {
  const ofTeams = await db
    .selectFrom("team_role")
    .select(["team_id", "role_id"])
    .where("account_id", "=", accountId)
    .where(sql<boolean>`team_id = any (${[...new Set(teamIds)]})`)
    .execute();
  const wanted = [...new Set([...roleIds, ...ofTeams.map((one) => one.role_id)])];
  const roles = await db
    .selectFrom("role")
    .select(["id", "permissions", "all_workspaces"])
    .where("account_id", "=", accountId)
    .where(sql<boolean>`id = any (${wanted})`)
    .execute();
  const teams = new Map<string, string[]>(teamIds.map((id) => [id, []]));
  for (const { team_id, role_id } of ofTeams) teams.get(team_id)?.push(role_id);
  return {
    roles: new Map(
      roles.map((role) => [role.id, { permissions: role.permissions, allWorkspaces: role.all_workspaces }]),
    ),
    teams,
  };
}
