import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { liveGrantsTo } from "./workspace-grant.ts";

/** What somebody may do now: permissions, and which workspaces they enter. */
export interface Rights {
  permissions: string[];
  allWorkspaces: boolean;
  workspaceIds: string[];
  owner: boolean;
}

const nothing: Rights = { permissions: [], allWorkspaces: false, workspaceIds: [], owner: false };

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
export async function rightsOfMember(db: Db, accountId: string, profileId: string): Promise<Rights> {
  const member = await db
    .selectFrom("member_rights")
    .select(["permissions", "all_workspaces", "owner"])
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .executeTakeFirst();
  if (!member) return nothing;
  return {
    permissions: member.permissions,
    allWorkspaces: member.all_workspaces,
    workspaceIds: await liveGrantsTo(db, accountId, profileId),
    owner: member.owner,
  };
}

/** What a service account may do now: what its team may, in every workspace. Nothing once it is deleted. */
export async function rightsOfServiceAccount(db: Db, accountId: string, profileId: string): Promise<Rights> {
  const account = await db
    .selectFrom("service_account")
    .select("team_id")
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .executeTakeFirst();
  if (!account) return nothing;
  const permissions = await rightsOfTeam(db, accountId, account.team_id);
  return { permissions, allWorkspaces: true, workspaceIds: [], owner: false };
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
