import type { PrincipalChange, Reach } from "./escalation.ts";

/** A person, a service account or a pending invite, or several that differ in workspaces only. */
export interface RoleHolder {
  /** A service account has none. */
  roleId: string | null;
  teamIds: readonly string[];
  /** What was granted. `all` for a service account. */
  workspaces: "all" | readonly string[];
  /** The roles that give the most of what its external issuers may claim for it. */
  claims: readonly string[];
}

/** What roles allow, and which roles teams have. */
export interface RoleGrants {
  roles: ReadonlyMap<string, { permissions: readonly string[]; allWorkspaces: boolean }>;
  teams: ReadonlyMap<string, readonly string[]>;
}

/** Holders, and what their roles and teams come to. */
export interface Holding {
  holders: readonly RoleHolder[];
  grants: RoleGrants;
}

/** What a person, a service account or an invite reaches: in every environment, without an end. */
export function lastingReach(permissions: readonly string[], workspaces: Reach["workspaces"]): Reach {
  return { permissions, workspaces, environment: "every", end: null };
}

/** What a holder reaches by its role and its teams. */
export function holderReach({ roleId, teamIds, workspaces }: RoleHolder, grants: RoleGrants): Reach {
  const own = roleId === null ? undefined : grants.roles.get(roleId);
  const ofTeams = teamIds.flatMap((id) => teamPermissions(id, grants));
  const permissions = [...new Set([...(own?.permissions ?? []), ...ofTeams])];
  return lastingReach(permissions, own?.allWorkspaces ? "all" : workspaces);
}

/** The most that a holder may reach by what its external issuers may claim for it. Undefined: they claim nothing. */
export function claimedReach(holder: RoleHolder, grants: RoleGrants): Reach | undefined {
  if (holder.claims.length === 0) return undefined;
  const { permissions, workspaces } = holderReach(holder, grants);
  const claimed = holder.claims.flatMap((id) => grants.roles.get(id) ?? []);
  const all = claimed.some(({ allWorkspaces }) => allWorkspaces);
  const together = [...permissions, ...claimed.flatMap((role) => role.permissions)];
  return lastingReach([...new Set(together)], all ? "all" : workspaces);
}

/** What the members of a team may do by it. */
export function teamPermissions(teamId: string, { roles, teams }: RoleGrants): string[] {
  const roleIds = teams.get(teamId) ?? [];
  return [...new Set(roleIds.flatMap((id) => [...(roles.get(id)?.permissions ?? [])]))];
}

/** What a role or a team reaches: its permissions in every workspace that one of its holders enters. */
export function groupReach(permissions: readonly string[], { holders, grants }: Holding): Reach {
  const entered = new Set<string>();
  for (const { roleId, workspaces } of holders) {
    if (workspaces === "all" || (roleId !== null && grants.roles.get(roleId)?.allWorkspaces)) {
      return lastingReach(permissions, "all");
    }
    for (const id of workspaces) entered.add(id);
  }
  return lastingReach(permissions, [...entered]);
}

/**
 * Each holder before and after a change of what it holds. The holders are the same ones, in the same order. What each
 * reaches is computed when it is looked at, since there may be many.
 */
export function holderChanges(before: Holding, after: Holding): PrincipalChange[] {
  return after.holders.map((holder, index) => {
    const earlier = before.holders[index];
    if (!earlier) throw new Error("a change made another holder");
    return {
      get before() {
        return holderReach(earlier, before.grants);
      },
      get after() {
        return holderReach(holder, after.grants);
      },
      get most() {
        return claimedReach(holder, after.grants) ?? holderReach(holder, after.grants);
      },
    };
  });
}
