import type { PrincipalChange } from "./escalation.ts";
import type { JointReach, Reach } from "./reach.ts";

/** A person, a service account or a pending invite, or several that differ in workspaces only. */
export interface RoleHolder {
  /** A service account has none. */
  roleId: string | null;
  /** The roles of its teams, each once. */
  teamRoleIds: readonly string[];
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

/** Holders, and what their roles come to. */
export interface Holding {
  holders: readonly RoleHolder[];
  grants: RoleGrants;
}

/** What a person, a service account or an invite reaches: in every environment, without an end. */
export function lastingReach(permissions: readonly string[], workspaces: Reach["workspaces"]): Reach {
  return { permissions, workspaces, environment: "every", end: null };
}

/** What a holder reaches by its role and its teams. */
export function holderReach(
  { roleId, teamRoleIds, workspaces }: RoleHolder,
  { roles }: RoleGrants,
): JointReach {
  const own = roleId === null ? undefined : roles.get(roleId);
  const roleIds = new Set(roleId === null ? teamRoleIds : [roleId, ...teamRoleIds]);
  return jointReach([...roleIds], roles, own?.allWorkspaces ? "all" : workspaces);
}

/** The most that a holder may reach by what its external issuers may claim for it. Undefined: they claim nothing. */
export function claimedReach(holder: RoleHolder, grants: RoleGrants): JointReach | undefined {
  if (holder.claims.length === 0) return undefined;
  const { lists, workspaces } = holderReach(holder, grants);
  const claimed = holder.claims.flatMap((id) => grants.roles.get(id) ?? []);
  const all = claimed.some(({ allWorkspaces }) => allWorkspaces);
  const together = new Set([...lists, ...claimed.map((role) => role.permissions)]);
  return { lists: [...together], workspaces: all ? "all" : workspaces, environment: "every", end: null };
}

/** What the members of a team may do by it. */
export function teamLists(teamId: string, { roles, teams }: RoleGrants): JointReach["lists"] {
  return jointReach(teams.get(teamId) ?? [], roles, []).lists;
}

/** What a role or a team reaches: its permissions in every workspace that one of its holders enters. */
export function groupReach(lists: JointReach["lists"], { holders, grants }: Holding): JointReach {
  const entered = new Set<string>();
  let all = false;
  for (const { roleId, workspaces } of holders) {
    if (workspaces === "all" || (roleId !== null && grants.roles.get(roleId)?.allWorkspaces)) all = true;
    else for (const id of workspaces) entered.add(id);
    if (all) break;
  }
  return { lists, workspaces: all ? "all" : [...entered], environment: "every", end: null };
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

function jointReach(
  roleIds: readonly string[],
  roles: RoleGrants["roles"],
  workspaces: Reach["workspaces"],
): JointReach {
  const lists = roleIds.flatMap((id) => {
    const role = roles.get(id);
    return role ? [role.permissions] : [];
  });
  return { lists, workspaces, environment: "every", end: null };
}
