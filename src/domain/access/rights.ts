import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { liveGrants, liveGrantsTo } from "./workspace-grant.ts";

/** The current permissions of a profile, and the workspaces that it may enter. */
export interface Rights {
  permissions: string[];
  allWorkspaces: boolean;
  workspaceIds: string[];
  owner: boolean;
}

/** The rights of a profile that no longer exists. */
export const nothing: Rights = { permissions: [], allWorkspaces: false, workspaceIds: [], owner: false };

// Returns what a person may do in an account now, by their role and their teams. Nothing after the person has left.
function rightsOfMember(db: Db, accountId: string, profileId: string): Promise<Rights> {
  return rightsBy(db, memberRights(sql`${accountId}::text`, sql`${profileId}::text`));
}

// Returns what a service account may do now: the permissions of its team, in every workspace. Nothing after it is deleted.
function rightsOfServiceAccount(db: Db, accountId: string, profileId: string): Promise<Rights> {
  return rightsBy(db, serviceAccountRights(sql`${accountId}::text`, sql`${profileId}::text`));
}

async function rightsBy(db: Db, expression: RawBuilder<Rights | null>): Promise<Rights> {
  const { rows } = await sql<{ rights: Rights | null }>`select ${expression} as rights`.execute(db);
  return rows[0]?.rights ?? nothing;
}

/** Returns an SQL expression for the rights of a person. It is null after the person has left. */
export function memberRights(accountId: RawBuilder<unknown>, profileId: RawBuilder<unknown>) {
  return sql<Rights | null>`(
    select json_build_object(
      'permissions', m.permissions, 'allWorkspaces', m.all_workspaces, 'owner', m.owner,
      'workspaceIds', ${liveGrants(accountId, profileId)}
    )
    from member_rights m where m.account_id = ${accountId} and m.profile_id = ${profileId}
  )`;
}

/** Returns an SQL expression for the rights of a service account. It is null after the service account is deleted. */
export function serviceAccountRights(accountId: RawBuilder<unknown>, profileId: RawBuilder<unknown>) {
  return sql<Rights | null>`(
    select json_build_object(
      'permissions', t.permissions, 'allWorkspaces', true, 'owner', false, 'workspaceIds', array[]::text[]
    )
    from service_account s
    join team_rights t on t.account_id = s.account_id and t.team_id = s.team_id
    where s.account_id = ${accountId} and s.profile_id = ${profileId}
  )`;
}

/** Returns what a service account of a team may do. Null if the team does not exist. */
export async function rightsOfTeam(db: Db, accountId: string, teamId: string): Promise<Rights | null> {
  const team = await db
    .selectFrom("team_rights")
    .select("permissions")
    .where("account_id", "=", accountId)
    .where("team_id", "=", teamId)
    .executeTakeFirst();
  return team ? { ...nothing, permissions: team.permissions, allWorkspaces: true } : null;
}

/** Returns what a profile of any type may do now. The server uses it to evaluate again what the profile has given earlier. */
export async function rightsOfProfile(db: Db, accountId: string, profileId: string): Promise<Rights> {
  const profile = await db
    .selectFrom("profile")
    .select("type")
    .where("account_id", "=", accountId)
    .where("id", "=", profileId)
    .where("removed_at", "is", null)
    .executeTakeFirst();
  if (profile?.type === "user") return rightsOfMember(db, accountId, profileId);
  if (profile?.type === "service_account") return rightsOfServiceAccount(db, accountId, profileId);
  if (profile?.type === "system") {
    return { permissions: ["*"], allWorkspaces: true, workspaceIds: [], owner: true };
  }
  return profile ? rightsOfKey(db, accountId, profileId) : nothing;
}

// Returns the rights of an application key, which acts under its own profile.
async function rightsOfKey(db: Db, accountId: string, profileId: string): Promise<Rights> {
  const key = await db
    .selectFrom("api_key")
    .select(["permissions", "workspace_scope"])
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .where("revoked_at", "is", null)
    .where("disabled_at", "is", null)
    .where(sql<boolean>`coalesce(expires_at > clock_timestamp(), true)`)
    .executeTakeFirst();
  if (!key) return nothing;
  return {
    permissions: key.permissions,
    allWorkspaces: key.workspace_scope === "all",
    workspaceIds: await liveGrantsTo(db, accountId, profileId),
    owner: false,
  };
}
