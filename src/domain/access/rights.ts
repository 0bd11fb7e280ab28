import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { liveGrants, liveGrantsTo } from "./workspace-grant.ts";

/** What somebody may do now: permissions, and which workspaces they enter. */
export interface Rights {
  permissions: string[];
  allWorkspaces: boolean;
  workspaceIds: string[];
  owner: boolean;
}

/** What those may do who are not there any more. */
export const nothing: Rights = { permissions: [], allWorkspaces: false, workspaceIds: [], owner: false };

/** What the members of a team may do by it now. */
export async function rightsOfTeam(db: Db, accountId: string, teamId: string): Promise<string[]> {
  const team = await db
    .selectFrom("team_rights")
    .select("permissions")
    .where("account_id", "=", accountId)
    .where("team_id", "=", teamId)
    .executeTakeFirst();
  return team?.permissions ?? [];
}

/** What a person may do in an account now: by their role and their teams. Nothing once they have left. */
export function rightsOfMember(db: Db, accountId: string, profileId: string): Promise<Rights> {
  return rightsBy(db, memberRights(sql`${accountId}::text`, sql`${profileId}::text`));
}

/** What a service account may do now: what its team may, in every workspace. Nothing once it is deleted. */
export function rightsOfServiceAccount(db: Db, accountId: string, profileId: string): Promise<Rights> {
  return rightsBy(db, serviceAccountRights(sql`${accountId}::text`, sql`${profileId}::text`));
}

async function rightsBy(db: Db, expression: RawBuilder<Rights | null>): Promise<Rights> {
  const { rows } = await sql<{ rights: Rights | null }>`select ${expression} as rights`.execute(db);
  return rows[0]?.rights ?? nothing;
}

/** The same as a part of another statement, for a person: null once they have left. */
export function memberRights(accountId: RawBuilder<unknown>, profileId: RawBuilder<unknown>) {
  return sql<Rights | null>`(
    select json_build_object(
      'permissions', m.permissions, 'allWorkspaces', m.all_workspaces, 'owner', m.owner,
      'workspaceIds', ${liveGrants(accountId, profileId)}
    )
    from member_rights m where m.account_id = ${accountId} and m.profile_id = ${profileId}
  )`;
}

/** The same for a service account: null once it is deleted. */
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

/** What a profile may do now, whatever it is: to judge again what it once promised. */
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

// An application key that acts as itself.
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
