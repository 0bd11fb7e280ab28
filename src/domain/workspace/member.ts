import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { type Caller, type ProfileRef, requirePermission } from "../access/principal.ts";
import {
  deleteGrant,
  findWorkspaces,
  hasGrant,
  insertGrants,
  liveGrantsTo,
  requireLive,
  workspaceLocks,
} from "../access/workspace-grant.ts";
import { apiKeyLock, readKey, readLockedKey, requireKey } from "../api-key/api-key.ts";
import { readListed } from "../api-key/owner.ts";
import { grantToKey, takeFromKey, takenFromKey, writeGrant } from "../api-key/workspace.ts";
import { createInvite, type Invite, type InviteDeps } from "../invite/invite.ts";
import type { Change } from "../kernel/audit-event.ts";
import { DomainError, invalidField, notFound } from "../kernel/error.ts";
import { type Page, type PageInput, pageWithin } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkWorkspaceMember } from "../role/change.ts";
import { findWorkspace } from "./workspace.ts";

/** A profile that has a grant of a workspace. */
export interface WorkspaceMember extends ProfileRef {
  account_id: string;
  since: Date;
}

/** A workspace and a profile. */
export interface WorkspaceMembership {
  workspaceId: string;
  profileId: string;
}

/** Lists the profiles with a grant of a workspace: people and keys. */
export async function listWorkspaceMembers(
  db: Db,
  caller: Caller,
  workspaceId: string,
  input: PageInput,
): Promise<Page<WorkspaceMember>> {
  const query = selectMembers(db)
    .where("g.account_id", "=", caller.accountId)
    .where("g.workspace_id", "=", workspaceId);
  const workspace = sql`select from workspace where account_id = ${caller.accountId} and id = ${workspaceId}`;
  const found = await pageWithin(db, workspace, query, "g.profile_id", input);
  if (!found) throw notFound("workspace");
  return found;
}

/** The new member of a workspace: a profile, or an e-mail address. A person who is no member of the account is invited with a role. */
export interface NewMember extends WorkspaceMembership {
  email: string;
  role: string;
}

/** The result of adding a member: a grant or an invite. */
export interface AddedMember {
  member?: WorkspaceMember;
  invite?: Invite;
}

/** Grants a workspace to a profile, or to the person with an e-mail address. The caller must be able to enter the workspace. */
export async function addWorkspaceMember(
  db: Store,
  caller: Caller,
  deps: InviteDeps,
  input: NewMember,
): Promise<AddedMember> {
  if ((input.profileId === "") === (input.email === "")) {
    throw invalidField("profile_id", "expected either a profile_id or an email");
  }
  if (input.email === "") return { member: await addProfile(db, caller, deps, input) };
  const profileId = await memberByEmail(db, caller, deps, input.email);
  if (profileId !== undefined) return { member: await addProfile(db, caller, deps, { ...input, profileId }) };
  // The invite checks this again when it is accepted.
  requirePermission(caller, "invites:write");
  await findWorkspace(db, caller, input.workspaceId);
  const { email, role, workspaceId } = input;
  const request = { requestId: "", email, role: role || "viewer", workspaceIds: [workspaceId] };
  return { invite: await createInvite(db, caller, deps, request) };
}

// An unproven address does not identify a user, unless this deployment sends no mail that could prove it.
async function memberByEmail(
  db: Db,
  caller: Caller,
  deps: InviteDeps,
  email: string,
): Promise<string | undefined> {
  const member = await db
    .selectFrom("membership")
    .innerJoin("user", "user.id", "membership.user_id")
    .select(["membership.profile_id", "user.email_proven_at"])
    .where("membership.account_id", "=", caller.accountId)
    .where("user.email", "=", normaliseEmail(email))
    .executeTakeFirst();
  return member && (member.email_proven_at || !deps.mailer.delivers) ? member.profile_id : undefined;
}

async function addProfile(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: WorkspaceMembership,
): Promise<WorkspaceMember> {
  const locks = [
    ...memberLocks(caller, await findMember(db, caller, input)),
    ...workspaceLocks(caller.accountId, [input.workspaceId]),
  ];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const profile = await findMember(tx, caller, input);
    const events = await grant(tx, caller, deps, profile, input.workspaceId);
    const member = await selectMembers(tx)
      .where("g.account_id", "=", caller.accountId)
      .where("g.workspace_id", "=", input.workspaceId)
      .where("g.profile_id", "=", profile.id)
      .executeTakeFirstOrThrow();
    return { result: member, events };
  });
}

/** Revokes the grant of a workspace from a profile. */
export async function removeWorkspaceMember(
  db: Store,
  caller: Caller,
  input: WorkspaceMembership,
): Promise<void> {
  const { id: profileId, key_id: keyId } = await findMember(db, caller, input);
  const locks = memberLocks(caller, { key_id: keyId, id: profileId });
  const read = async (tx: Tx) => {
    const [member, key, granted] = await together([
      findMember(tx, caller, input),
      keyId === null ? undefined : readKey(tx, caller, keyId),
      hasGrant(tx, caller.accountId, sql`${profileId}`, input.workspaceId),
    ]);
    return { member, key, granted };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { key, granted }) => {
    if (!granted) return { events: [], write: async () => undefined };
    if (key) {
      return {
        events: [takenFromKey(key, input.workspaceId)],
        write: () => takeFromKey(tx, caller, key, input.workspaceId),
      };
    }
    const change = {
      resourceType: "workspace",
      resourceId: input.workspaceId,
      before: { profile_id: profileId },
    };
    return {
      events: [change],
      write: async () => void (await deleteGrant(tx, caller, profileId, input.workspaceId)),
    };
  });
}

// The workspaces of the profile change, so the lock waits for its running changes.
function memberLocks(caller: Caller, profile: Pick<MemberProfile, "id" | "key_id">): RowLock[] {
  if (profile.key_id !== null) return [apiKeyLock(caller, profile.key_id)];
  const tables = ["membership", "guest"] as const;
  return tables.map((table) => rowLock(table, caller.accountId, profile.id, "no key update"));
}

type MemberProfile = { id: string; type: string; key_id: string | null };

async function grant(
  tx: Tx,
  caller: Caller,
  deps: AccessDeps,
  profile: MemberProfile,
  workspaceId: string,
): Promise<Change[]> {
  if (profile.key_id !== null) {
    const [key, ...context] = await together([
      readLockedKey(tx, caller, profile.key_id),
      readListed(tx, caller),
      findWorkspaces(tx, caller.accountId, [workspaceId]),
    ]);
    const events = grantToKey(caller, requireKey(key), workspaceId, context);
    await writeGrant(tx, caller, deps.bounds, requireKey(key), events);
    return events;
  }
  if (profile.type === "system") {
    throw new DomainError("WRONG_STATE", "the system profile of the account can enter every workspace", {
      profile_id: profile.id,
    });
  }
  const granted = await liveGrantsTo(tx, caller.accountId, profile.id);
  if (granted.includes(workspaceId)) return [];
  await checkWorkspaceMember(tx, caller, deps, profile.id, workspaceId);
  const live = requireLive(await findWorkspaces(tx, caller.accountId, [workspaceId]), [workspaceId]);
  const added = await insertGrants(tx, caller, deps.bounds, profile.id, live);
  return added.map((id) => ({
    resourceType: "workspace",
    resourceId: id,
    after: { profile_id: profile.id },
  }));
}

async function findMember(db: Db, caller: Caller, input: WorkspaceMembership): Promise<MemberProfile> {
  const { accountId } = caller;
  const { rows } = await sql<MemberProfile | { id: null }>`
    select p.id, p.type, k.id as key_id
    from workspace w
    left join profile p on p.account_id = w.account_id and p.id = ${input.profileId} and p.removed_at is null
    left join api_key k on k.profile_id = p.id
    where w.account_id = ${accountId} and w.id = ${input.workspaceId}`.execute(db);
  const [found] = rows;
  if (!found) throw notFound("workspace");
  if (found.id === null) throw notFound("profile");
  return found;
}

function selectMembers(db: Db) {
  return db
    .selectFrom("workspace_grant as g")
    .innerJoin("profile as p", "p.id", "g.profile_id")
    .select(["p.id", "p.account_id", "p.type", "p.name", "p.email"])
    .select(sql<Date>`g.created_at`.as("since"));
}
