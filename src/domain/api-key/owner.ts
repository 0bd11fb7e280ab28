import type { Db } from "../../db/connect.ts";
import { type Holder, type PrincipalChange, type Reach, refuseEscalation } from "../access/escalation.ts";
import { narrow } from "../access/permission.ts";
import type { Caller } from "../access/principal.ts";
import { type Rights, rightsOfMember, rightsOfServiceAccount } from "../access/rights.ts";
import { liveGrantsTo } from "../access/workspace-grant.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import type { ApiKeyRow } from "./api-key.ts";

/** Who owns a service or developer key: a service account's profile or a person's, and what it may do now. */
export interface KeyOwner {
  profileId: string;
  rights: Rights;
}

/** The service account that a new service key will belong to. Refuses the field that named none. */
export async function serviceOwner(db: Db, caller: Caller, serviceAccountId: string): Promise<KeyOwner> {
  const account = await db
    .selectFrom("service_account")
    .select("profile_id")
    .where("account_id", "=", caller.accountId)
    // Locked by the creation: it is not deleted between this and the key.
    .where("id", "=", serviceAccountId)
    .executeTakeFirst();
  if (!account) {
    throw invalidField("spec.service_account_id", "expected the id of a service account of this account");
  }
  const { profile_id: profileId } = account;
  return { profileId, rights: await rightsOfServiceAccount(db, caller.accountId, profileId) };
}

/** The person that a new developer key will belong to: the caller, and nobody else. */
export async function developerOwner(db: Db, caller: Caller): Promise<KeyOwner> {
  if (caller.profile.type !== "user") {
    throw new DomainError("PERMISSION_DENIED", "a developer key is minted by its own user", {
      permission: "api_keys:write",
    });
  }
  // Locked with the caller: whoever leaves at the same moment gets no key.
  const member = await db
    .selectFrom("membership")
    .select("profile_id")
    .where("profile_id", "=", caller.profile.id)
    .executeTakeFirst();
  if (!member) throw await refuseStranger(db, caller);
  return {
    profileId: caller.profile.id,
    rights: await rightsOfMember(db, caller.accountId, caller.profile.id),
  };
}

async function refuseStranger(db: Db, caller: Caller): Promise<DomainError> {
  const profile = await db
    .selectFrom("profile")
    .select("removed_at")
    .where("account_id", "=", caller.accountId)
    .where("id", "=", caller.profile.id)
    .executeTakeFirst();
  if (profile?.removed_at === null) {
    // A guest's roles are those that their token claims: a key would have none.
    return new DomainError("PERMISSION_DENIED", "a developer key is a member's", {
      permission: "api_keys:write",
    });
  }
  return new DomainError("ACCOUNT_MISMATCH", "you do not belong to this account any more", {
    account_id: caller.accountId,
  });
}

/** Those settings of a key that its reach depends on. */
export type KeySettings = Pick<
  ApiKeyRow,
  "kind" | "system" | "permissions" | "workspace_scope" | "environment" | "expires_at"
>;

/** A key before and after a change. No `before`: the change makes it, revives it or hands out its token. */
export interface KeyChange {
  /** What its owner may do now; undefined if nothing narrows the key's own list. */
  owner: Rights | undefined;
  before?: KeyState;
  after: KeyState;
  /** Workspaces that the change grants: also where the key's owner may not enter them yet. */
  grants?: readonly string[];
}

/** The settings of a key, and the live workspaces granted to it. */
export type KeyState = KeySettings & { granted: readonly string[] };

/** What the owner of a key may do now; undefined for an application key or a system key. */
export async function ownerRights(db: Db, key: ApiKeyRow): Promise<Rights | undefined> {
  if (key.owner_profile_id === null || key.system) return undefined;
  const rightsOf = key.kind === "service" ? rightsOfServiceAccount : rightsOfMember;
  return rightsOf(db, key.account_id, key.owner_profile_id);
}

/** A stored key with the live workspaces granted to it, and what its owner may do now. */
export async function loadKeyState(db: Db, key: ApiKeyRow) {
  const granted = await liveGrantsTo(db, key.account_id, key.profile_id);
  return { owner: await ownerRights(db, key), state: { ...key, granted } };
}

/**
 * Refuses a change of a key by which the key reaches more than the caller. A service or developer key as caller passes
 * on no more than its own list and scope name, either: what its owner gains one day must not reach it by another key.
 */
export async function checkKey(db: Db, caller: Caller, change: KeyChange): Promise<void> {
  refuseEscalation(caller, keyChanges(change));
  const own = change.owner && (await listedHolder(db, caller));
  if (own) refuseEscalation(own, listedChanges(change));
}

/** What a change of a key results in: the key, and the right to enter what is granted. Pure. */
export function keyChanges({ owner, before, after, grants = [] }: KeyChange): PrincipalChange[] {
  const key = { ...(before && { before: keyReach(before, owner) }), after: keyReach(after, owner) };
  const granted = { ...listedReach(after), permissions: [], workspaces: grants };
  return [key, ...(grants.length > 0 ? [{ after: granted }] : [])];
}

/** The same by what the key names, whatever its owner may do. Pure. */
export function listedChanges({ before, after }: KeyChange): PrincipalChange[] {
  return [{ ...(before && { before: listedReach(before) }), after: listedReach(after) }];
}

/** What a key reaches now. A service or developer key: never more than its owner, and of that what it names. */
export function keyReach(key: KeyState, owner: Rights | undefined): Reach {
  const listed = listedReach(key);
  if (!owner) return listed;
  const entered = owner.allWorkspaces ? "all" : owner.workspaceIds;
  return {
    ...listed,
    permissions: narrow(key.permissions, owner.permissions),
    workspaces: bothWorkspaces(listed.workspaces, entered),
  };
}

// What a key names, whatever its owner may do.
function listedReach({ permissions, workspace_scope, granted, environment, expires_at }: KeyState): Reach {
  return {
    permissions,
    workspaces: workspace_scope === "all" ? "all" : granted,
    environment: environment ?? "every",
    end: expires_at,
  };
}

function bothWorkspaces(a: Reach["workspaces"], b: Reach["workspaces"]): Reach["workspaces"] {
  if (a === "all") return b;
  return b === "all" ? a : a.filter((id) => b.includes(id));
}

// The caller, with what its own list and scope name in place of what it holds by them now.
async function listedHolder(db: Db, caller: Caller): Promise<Holder | undefined> {
  if (caller.keyId === undefined || caller.kind === "application") return undefined;
  const key = await db
    .selectFrom("api_key")
    .select(["profile_id", "permissions", "workspace_scope"])
    .where("account_id", "=", caller.accountId)
    .where("id", "=", caller.keyId)
    .executeTakeFirstOrThrow();
  return {
    ...caller,
    permissions: key.permissions,
    workspaceScope: key.workspace_scope,
    workspaceIds: await liveGrantsTo(db, caller.accountId, key.profile_id),
  };
}
