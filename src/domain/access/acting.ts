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
 * for a tenant counts for itself in that account, not as the system profile that it shares with the account. All
 * embed sessions that it made there count together, so they take nothing from the key itself.
 */
export function limitName({ accountId, profile, home, keyId, embedSessionId }: Principal): string {
  if (!home) return profile.id;
  return embedSessionId === undefined ? `${accountId} ${keyId}` : `${accountId} ${keyId} embed`;
}

/** The same for limits that count an account as a whole. Embed sessions count as the account. */
export function accountLimitName(principal: Principal): string {
  return isPlatform(principal) ? limitName(principal) : principal.accountId;
}

/** Returns whether a principal is the platform itself that acts for a tenant, and not a session that it gave to the tenant. */
export function isPlatform({ home, embedSessionId }: Principal): boolean {
  return home !== undefined && embedSessionId === undefined;
}
