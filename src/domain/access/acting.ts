import { splitPermission } from "./permission-grammar.ts";
import type { Principal } from "./principal.ts";
import type { Reach } from "./reach.ts";

// A key of the platform account that holds `accounts:act` may act for a tenant: any account that it names. It acts with its
// own list without the platform permissions, as the system profile of that account, and without the rank of an owner.

/** The permission to act for a tenant. */
export const actPermission = "accounts:act";

const platformResource = "accounts";

/** Returns a list without the platform permissions, which count only in the platform account. */
export function withoutPlatformPermissions(permissions: readonly string[]): readonly string[] {
  const others = permissions.filter((permission) => splitPermission(permission)[0] !== platformResource);
  return others.length === permissions.length ? permissions : others;
}

/** Returns what a platform key of some reach reaches in every tenant. */
export function reachInTenants(reach: Reach): Reach {
  return { ...reach, permissions: withoutPlatformPermissions(reach.permissions), workspaces: "all" };
}

/** Returns the mark of events that a principal causes: `platform` if it acts for a tenant. */
export function viaOf({ home }: Pick<Principal, "home">): { via?: "platform" } {
  return home ? { via: "platform" } : {};
}

/** Returns the key of the platform that acts for a tenant, to be stored with what it makes. Null for any other caller. */
export function platformKeyOf({ home, keyId }: Pick<Principal, "home" | "keyId">): string | null {
  return home ? (keyId ?? null) : null;
}

/**
 * Returns the name under which limits, queues and idempotency keys count a principal: its profile. A platform key that acts
 * for a tenant counts for itself in that account, not as the system profile that it shares with the account.
 */
export function limitName({ accountId, profile, home, keyId }: Principal): string {
  return home ? `${accountId} ${keyId}` : profile.id;
}

/** The same for limits that count an account as a whole. */
export function accountLimitName(principal: Principal): string {
  return principal.home ? limitName(principal) : principal.accountId;
}
