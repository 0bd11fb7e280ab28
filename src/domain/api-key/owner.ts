import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { ApiKeyKind } from "../../db/schema.ts";
import { withoutPlatformPermissions } from "../access/acting.ts";
import { type Holder, type PrincipalChange, refuseEscalation } from "../access/escalation.ts";
import { limitingKey } from "../access/limited.ts";
import { type Narrowed, narrowed } from "../access/permission.ts";
import type { Caller } from "../access/principal.ts";
import type { Reach } from "../access/reach.ts";
import { memberRights, nothing, type Rights, serviceAccountRights } from "../access/rights.ts";
import { liveGrants } from "../access/workspace-grant.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import type { ApiKeyRow, LockedKey } from "./api-key.ts";

/**
 * The owner of a service or developer key, and what the owner may do now. It is the profile of a service account or a
 * person.
 */
export interface KeyOwner {
  profileId: string;
  rights: Rights;
}

/** The owner of a new key as the database has it: a service account, or the person who makes the call. */
export interface FoundOwner {
  profileId: string;
  /** Null if the person is not a member. */
  rights: Rights | null;
  removed: boolean;
}

/**
 * Finds the owner of a new service or developer key. The creation locks a service account, and the caller's locks cover
 * a person.
 */
export async function findOwner(
  db: Db,
  { accountId, profile }: Caller,
  kind: ApiKeyKind,
  serviceAccountId: string,
): Promise<FoundOwner | undefined> {
  if (kind === "application") return undefined;
  const id = kind === "service" ? sql`s.id = ${serviceAccountId}` : sql`p.id = ${profile.id}`;
  const rights = kind === "service" ? serviceAccountRights : memberRights;
  const { rows } = await sql<FoundOwner>`
    select p.id as "profileId", p.removed_at is not null as removed,
      ${rights(sql`p.account_id`, sql`p.id`)} as rights
    from profile p
    left join service_account s on s.account_id = p.account_id and s.profile_id = p.id
    where p.account_id = ${accountId} and ${id}`.execute(db);
  return rows[0];
}

/**
 * Returns the owner of a new key. Fails if the request names no service account of the account, or if the caller cannot
 * own a developer key.
 */
export function ownerOf(
  caller: Caller,
  kind: ApiKeyKind,
  found: FoundOwner | undefined,
): KeyOwner | undefined {
  if (kind === "application") return undefined;
  if (kind === "service" && !found) {
    throw invalidField("spec.service_account_id", "expected the id of a service account of this account");
  }
  if (kind === "developer" && caller.profile.type !== "user") {
    throw new DomainError("PERMISSION_DENIED", "only a person can create a developer key, for themselves", {
      permission: "api_keys:write",
    });
  }
  if (!found?.rights) throw notAnOwner(caller, found);
  return { profileId: found.profileId, rights: found.rights };
}

// Returns the error for a caller who cannot own a developer key: a guest, or a person who has left the account.
function notAnOwner({ accountId }: Caller, found: FoundOwner | undefined): DomainError {
  if (found && !found.removed) {
    // A guest's roles are only those that a token claims, so a key of a guest would have none.
    return new DomainError("PERMISSION_DENIED", "only a member of the account can own a developer key", {
      permission: "api_keys:write",
    });
  }
  return new DomainError("ACCOUNT_MISMATCH", "you do not belong to this account any more", {
    account_id: accountId,
  });
}

/** The settings of a key that its reach depends on. */
export type KeySettings = Pick<
  ApiKeyRow,
  "kind" | "system" | "permissions" | "workspace_scope" | "environment" | "expires_at"
>;

/** A key before and after a change. Without `before`, the change creates the key, revives it or hands out its token. */
export interface KeyChange {
  /** What the owner may do now. Undefined if no owner narrows the list of the key. */
  owner: Rights | undefined;
  before?: KeyState;
  after: KeyState;
  /** Workspaces that the change grants, even if the owner of the key may not enter them yet. */
  grants?: readonly string[];
}

/** The settings of a key, the live workspaces granted to it, and the key whose limits and credits hold it back. */
export type KeyState = KeySettings & { granted: readonly string[]; limitedBy: string | null };

/** Returns the state of a locked key, as it is before a change. */
export function stateOf(key: LockedKey): KeyState {
  return { ...key, limitedBy: limitingKey(key.limits, key.id) };
}

/** Returns what the owner of a key may do now. Undefined for an application key or a system key. */
export function ownerRights(key: LockedKey): Rights | undefined {
  return key.owner_profile_id === null || key.system ? undefined : (key.owner_rights ?? nothing);
}

/** The list and scope of the key that makes a call. Undefined for a person or an application key. */
export type Listed = Pick<Holder, "permissions" | "workspaceScope" | "workspaceIds">;

/** Reads the list and scope of the caller's key, for `checkKey`. */
export async function readListed(db: Db, caller: Caller): Promise<Listed | undefined> {
  const { accountId, home, keyId, kind } = caller;
  if (keyId === undefined || kind === "application") return undefined;
  const { rows } = await sql<Listed>`
    select permissions, workspace_scope as "workspaceScope",
      ${liveGrants(sql`api_key.account_id`, sql`api_key.profile_id`)} as "workspaceIds"
    from api_key where account_id = ${home?.accountId ?? accountId} and id = ${keyId}`.execute(db);
  const [listed] = rows;
  if (!home || !listed) return listed;
  return {
    permissions: withoutPlatformPermissions(listed.permissions),
    workspaceScope: "all",
    workspaceIds: [],
  };
}

/**
 * Fails if a change gives a key more reach than the caller has. A service or developer key can also pass on no more
 * than its own list and scope. Otherwise another key could gain what the owner gains later.
 */
export function checkKey(caller: Holder, listed: Listed | undefined, change: KeyChange): void {
  refuseEscalation(caller, keyChanges(change));
  if (change.owner && listed) refuseEscalation({ ...caller, ...listed }, listedChanges(change));
}

/** Returns the effects of a change of a key: on the key, and on the right to enter the granted workspaces. Pure. */
export function keyChanges({ owner, before, after, grants = [] }: KeyChange): PrincipalChange[] {
  const key = { ...(before && { before: reachBefore(before, after, owner) }), after: keyReach(after, owner) };
  const granted = { ...listedReach(after), permissions: [], workspaces: grants };
  return [key, ...(grants.length > 0 ? [{ after: granted }] : [])];
}

/** Returns the effects by the list and scope of the key alone, without its owner. Pure. */
export function listedChanges({ before, after }: KeyChange): PrincipalChange[] {
  return [{ ...(before && { before: listedReach(before) }), after: listedReach(after) }];
}

/**
 * Returns what a key reaches. A service or developer key reaches the part of its list and scope that its owner has too. It
 * counts with the most that it reaches after its owner has lost something, because that change compares no keys.
 */
export function keyReach(key: KeyState, owner: Rights | undefined): Reach {
  return reachWith(key, owner, "most");
}

// With another list, the key may lose entries of the old one and get others instead. So it counts with what it reaches now.
function reachBefore(before: KeyState, { permissions }: KeyState, owner: Rights | undefined): Reach {
  const sameList = before.permissions.join() === permissions.join();
  return reachWith(before, owner, sameList ? "most" : "now");
}

function reachWith(key: KeyState, owner: Rights | undefined, which: keyof Narrowed): Reach {
  const listed = listedReach(key);
  if (!owner) return listed;
  const entered = owner.allWorkspaces ? "all" : owner.workspaceIds;
  return {
    ...listed,
    permissions: narrowed(key.permissions, owner.permissions)[which],
    workspaces: bothWorkspaces(listed.workspaces, entered),
  };
}

// Returns the reach of a key's list and scope, without its owner.
function listedReach(key: KeyState): Reach {
  const { permissions, workspace_scope, granted, environment, expires_at, limitedBy } = key;
  return {
    permissions,
    workspaces: workspace_scope === "all" ? "all" : granted,
    environment: environment ?? "every",
    end: expires_at,
    limitedBy,
  };
}

function bothWorkspaces(a: Reach["workspaces"], b: Reach["workspaces"]): Reach["workspaces"] {
  if (a === "all") return b;
  return b === "all" ? a : a.filter((id) => b.includes(id));
}
