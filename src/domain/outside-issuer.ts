import type { RoleJson, WorkspaceScope } from "../db/schema.ts";
import { narrow, normalisePermissions } from "./permission.ts";
import { nameKey } from "./text.ts";

/** The accounts that a token of an outside issuer speaks for. */
export interface Scope {
  accounts: "*" | readonly string[];
  /** Whether the platform account may be among them: only where the settings name it, never by `*`. */
  platform: boolean;
}

/** Somebody as an outside issuer knows them. */
export interface Identity {
  /** By which the identity is found: a digest of issuer and subject. */
  id: string;
  issuer: string;
  subject: string;
  /** What to call the person where no name is known yet. */
  name: string;
}

/** What a token claims: roles, by name or id, for one request and up to a role of the account. */
export interface ClaimedRoles {
  roles: readonly string[];
  maxRole: string;
}

/** Somebody with a good token of an outside issuer, whom we have yet to meet: at all, or in an account. */
export interface Newcomer {
  identity: Identity;
  scope: Scope;
  /** Where they need a profile; empty: nowhere. */
  accountId: string;
  claimed: ClaimedRoles;
}

/** Whether a token speaks for an account. */
export function speaksFor(scope: Scope, account: { id: string; platform: boolean }): boolean {
  return mayNameAccount(scope, account.id) && (!account.platform || scope.platform);
}

/** Whether a token may name an account: all that can be said before the account is looked up. */
export function mayNameAccount({ accounts }: Scope, accountId: string): boolean {
  return accounts === "*" || accounts.includes(accountId);
}

/**
 * What claimed roles give in an account that has these roles: never more than the highest role that the settings allow,
 * and never the rank of an owner. Undefined: nothing.
 */
export function claimedRights(
  { roles: claimed, maxRole }: ClaimedRoles,
  roles: readonly RoleJson[],
): { permissions: string[]; workspaceScope: WorkspaceScope } | undefined {
  const most = findRole(roles, maxRole);
  if (!most || most.builtin === "owner") return undefined;
  const found = claimed.flatMap((reference) => findRole(roles, reference) ?? []);
  if (found.length === 0) return undefined;
  const all = most.all_workspaces && found.some((role) => role.all_workspaces);
  const { permissions } = normalisePermissions(
    found.flatMap((role) => role.permissions),
    "",
  );
  return {
    permissions: narrow(permissions, most.permissions),
    workspaceScope: all ? "all" : "selected",
  };
}

// Somebody may have named a role like another's id: the id is meant.
function findRole(roles: readonly RoleJson[], reference: string): RoleJson | undefined {
  return (
    roles.find((role) => role.id === reference) ?? roles.find((role) => role.name_key === nameKey(reference))
  );
}
