import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type ClaimingIssuer, mostOf, mostReferences, type NamedRole } from "../access/external-issuer.ts";
import type { Holding, RoleGrants, RoleHolder } from "../access/role-holder.ts";
import { type ClaimedIn, issuersOf } from "./claimed.ts";

/**
 * Selects the holders to load: those of a role (directly, by a team or by a pending invite), those of a team, or one
 * person.
 */
export type HeldBy = { roleId: string } | { teamId: string } | { profileId: string };

/**
 * Loads holders and what all their roles allow now. Holders with the same role, the same roles by teams and the same
 * external issuers form one group, with the workspaces of all of them. So the number of groups grows slowly with the
 * size of an account. The holders of a team come without the roles that they have by this team. The order is always the
 * same.
 */
export async function loadHolding(
  db: Db,
  at: ClaimedIn,
  by: HeldBy,
  also: { roleIds?: readonly string[]; teamIds?: readonly string[] } = {},
): Promise<Holding> {
  const loaded = await loadHolders(db, at, by);
  const { teamIds = [] } = also;
  const roleIds = [
    ...loaded.flatMap(({ roleId, teamRoleIds }) => [...(roleId === null ? [] : [roleId]), ...teamRoleIds]),
    ...(also.roleIds ?? []),
  ];
  const known = new Set(loaded.flatMap((holder) => holder.issuers));
  const claiming = at.issuers.filter(({ issuer }) => known.has(issuer));
  const { named, ...grants } = await loadGrants(db, at.accountId, { roleIds, teamIds, claiming });
  const most = new Map(claiming.map((one) => [one.issuer, mostOf(one, named)?.id]));
  const holders = loaded.map(({ issuers, ...holder }) => ({
    ...holder,
    claims: issuers.flatMap((issuer) => most.get(issuer) ?? []),
  }));
  return { holders, grants };
}

/** Returns the roles that limit what the issuers of a user may claim in an account. */
export async function claimedOfUser(
  db: Db,
  { accountId, issuers }: ClaimedIn,
  userId: string,
): Promise<{ permissions: readonly string[]; allWorkspaces: boolean }[]> {
  if (issuers.length === 0) return [];
  const { rows } = await sql<{ issuer: string }>`
    select distinct issuer from identity where user_id = ${userId} and issuer = any (${issuersOf(issuers)})`.execute(
    db,
  );
  const claiming = issuers.filter(({ issuer }) => rows.some((row) => row.issuer === issuer));
  if (claiming.length === 0) return [];
  const { named, roles } = await loadGrants(db, accountId, { roleIds: [], teamIds: [], claiming });
  const most = new Set(claiming.flatMap((issuer) => mostOf(issuer, named)?.id ?? []));
  return [...most].flatMap((id) => roles.get(id) ?? []);
}

type LoadedHolder = Omit<RoleHolder, "claims"> & { issuers: string[] };

// People with the same roles form one group before their workspaces are looked up, because they may have very many
// grants.
async function loadHolders(db: Db, at: ClaimedIn, by: HeldBy): Promise<LoadedHolder[]> {
  const { accountId } = at;
  const { rows } = await sql<LoadedHolder & { workspaces: string[] | null }>`
    with person as materialized (
      select p.*, dense_rank() over (order by role_id, team_role_ids, issuers) as "group" from (${people(at, by)}) p
    ), entered as materialized (
      select p."group", g.workspace_id
      from person p
      join workspace_grant g on g.account_id = ${accountId} and g.profile_id = p.profile_id
      group by 1, 2
    )
    select p.role_id as "roleId", p.team_role_ids as "teamRoleIds", p.issuers, array(
      select w.id
      from entered e
      join workspace w on w.account_id = ${accountId} and w.id = e.workspace_id and w.archived_at is null
      where e."group" = p."group"
      order by 1
    ) as workspaces
    from (select distinct on ("group") * from person order by "group") p
    union all
    select distinct null, array(
      select x.role_id from team_role x
      where x.account_id = ${accountId} and x.team_id = s.team_id and x.team_id <> ${teamOf(by)} order by 1
    ), '{}'::text[], null::text[]
    from (${serviceTeams(accountId, by)}) s
    union all
    select i.role_id, '{}', '{}', coalesce(array_agg(distinct w.id) filter (where w.id is not null), '{}')
    from (${invites(accountId, by)}) i
    left join workspace w on w.account_id = ${accountId} and w.id = any (i.workspace_ids) and w.archived_at is null
    group by 1
    order by 1 nulls first, 2, 3, 4`.execute(db);
  return rows.map(({ workspaces, ...holder }) => ({ ...holder, workspaces: workspaces ?? "all" }));
}

function people({ accountId, issuers }: ClaimedIn, by: HeldBy) {
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
      select distinct y.role_id
      from team_member x
      join team_role y on y.account_id = x.account_id and y.team_id = x.team_id
      where x.account_id = m.account_id and x.profile_id = m.profile_id and x.team_id <> ${teamOf(by)}
      order by 1
    ) as team_role_ids, array(
      select distinct i.issuer from identity i
      where i.user_id = m.user_id and i.issuer = any (${issuersOf(issuers)}) order by 1
    ) as issuers
    from membership m
    where m.account_id = ${accountId} and ${condition}
    union all
    select g.profile_id, null, '{}', array(select i.issuer where i.issuer = any (${issuersOf(issuers)}))
    from guest g
    join identity i on i.id = g.identity_id
    join profile p on p.id = g.profile_id
    where g.account_id = ${accountId} and g.profile_id = ${"profileId" in by ? by.profileId : ""}
      and p.removed_at is null`;
}

function teamOf(by: HeldBy): string {
  return "teamId" in by ? by.teamId : "";
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

interface WantedGrants {
  roleIds: readonly string[];
  teamIds: readonly string[];
  claiming: readonly ClaimingIssuer[];
}

/** Loads the permissions of roles and teams, and the roles with their names. */
async function loadGrants(
  db: Db,
  accountId: string,
  { roleIds, teamIds, claiming }: WantedGrants,
): Promise<RoleGrants & { named: NamedRole[] }> {
  const ofTeams =
    teamIds.length === 0
      ? []
      : await db
          .selectFrom("team_role")
          .select(["team_id", "role_id"])
          .where("account_id", "=", accountId)
          .where(sql<boolean>`team_id = any (${[...new Set(teamIds)]})`)
          .orderBy("team_id")
          .orderBy("role_id")
          .execute();
  const { ids, nameKeys } = mostReferences(claiming);
  const wanted = [...new Set([...roleIds, ...ofTeams.map((one) => one.role_id), ...ids])];
  const named = await db
    .selectFrom("role")
    .select(["id", "name_key", "builtin", "permissions", "all_workspaces"])
    .where("account_id", "=", accountId)
    .where(sql<boolean>`(id = any (${wanted}) or name_key = any (${nameKeys}))`)
    .orderBy("id")
    .execute();
  const teams = new Map<string, string[]>(teamIds.map((id) => [id, []]));
  for (const { team_id, role_id } of ofTeams) teams.get(team_id)?.push(role_id);
  return {
    roles: new Map(
      named.map((role) => [role.id, { permissions: role.permissions, allWorkspaces: role.all_workspaces }]),
    ),
    teams,
    named,
  };
}
