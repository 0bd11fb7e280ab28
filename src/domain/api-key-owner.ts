import type { Db } from "../db/connect.ts";
import type { ApiKeyRow } from "./api-key.ts";
import { DomainError, invalidField } from "./error.ts";
import type { Handover } from "./escalation.ts";
import { holds, narrow } from "./permission.ts";
import { type Caller, permissionDenied } from "./principal.ts";
import { type Rights, rightsOfMember, rightsOfServiceAccount } from "./rights.ts";
import { liveGrantsTo } from "./workspace-grant.ts";

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

/** What whoever holds the token of this key could do with it now: its own list, narrowed by what its owner may. */
export async function keyHandover(db: Db, key: ApiKeyRow): Promise<Handover> {
  const { permissions, environment, expires_at: expiresAt } = key;
  const granted = await liveGrantsTo(db, key.account_id, key.profile_id);
  const rest = { environment, expiresAt };
  if (key.owner_profile_id === null || key.system) {
    return { ...rest, permissions, workspaceScope: key.workspace_scope, workspaceIds: granted };
  }
  const rightsOf = key.kind === "service" ? rightsOfServiceAccount : rightsOfMember;
  const rights = await rightsOf(db, key.account_id, key.owner_profile_id);
  return { ...rest, ...ownedHandover(rights, permissions, key.workspace_scope, granted) };
}

/**
 * Refuses a key that would hand to a key of its own owner what its own list leaves out: its owner may not do that yet,
 * but once it may, a narrowed key would have made itself a wider one.
 */
export async function assertWithinOwnList(
  db: Db,
  caller: Caller,
  ownerProfileId: string | null,
  permissions: readonly string[],
): Promise<void> {
  if (caller.keyId === undefined || caller.profile.id !== ownerProfileId) return;
  const own = await db
    .selectFrom("api_key")
    .select("permissions")
    .where("id", "=", caller.keyId)
    .executeTakeFirstOrThrow();
  const missing = permissions.find((permission) => !holds(own.permissions, permission));
  if (missing !== undefined) throw permissionDenied(missing);
}

/** What an owned key opens: never more than its owner, and of that what it names. */
export function ownedHandover(
  rights: Rights,
  permissions: readonly string[],
  scope: "all" | "selected",
  granted: readonly string[],
): Handover {
  const workspaces =
    scope === "all" && rights.allWorkspaces
      ? { workspaceScope: "all" as const }
      : { workspaceIds: scope === "all" ? rights.workspaceIds : granted };
  return { permissions: narrow(permissions, rights.permissions), ...workspaces };
}
