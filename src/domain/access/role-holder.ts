import type { PrincipalChange } from "./escalation.ts";
import type { JointReach, Reach } from "./reach.ts";

/** A person, a service account or a pending invite. It also stands for several that differ only in workspaces. */
export interface RoleHolder {
  /** Null for a service account. */
  roleId: string | null;
  /** The roles of its teams, each once. */
  teamRoleIds: readonly string[];
  /** The granted workspaces. `all` for a service account. */
  workspaces: "all" | readonly string[];
  /** The roles that limit what its external issuers may claim for it. */
  claims: readonly string[];
}

/** The permissions of roles, and the roles of teams. */
export interface RoleGrants {
  roles: ReadonlyMap<string, { permissions: readonly string[]; allWorkspaces: boolean }>;
  teams: ReadonlyMap<string, readonly string[]>;
}

/** Holders, and the roles and teams that give them their permissions. */
export interface Holding {
  holders: readonly RoleHolder[];
  grants: RoleGrants;
}

/** Returns the reach of a person, a service account or an invite: in every environment, without an end and limits. */
export function lastingReach(permissions: readonly string[], workspaces: Reach["workspaces"]): Reach {
  return { permissions, workspaces, environment: "every", end: null, limitedBy: null };
}

/** Returns what a holder reaches by its role and its teams. */
export function holderReach(
  { roleId, teamRoleIds, workspaces }: RoleHolder,
  { roles }: RoleGrants,
): JointReach {
  const own = roleId === null ? undefined : roles.get(roleId);
  const roleIds = new Set(roleId === null ? teamRoleIds : [roleId, ...teamRoleIds]);
  return jointReach([...roleIds], roles, own?.allWorkspaces ? "all" : workspaces);
}

/**
 * Returns the most that a holder may reach if its external issuers claim roles for it. Undefined if they may claim
 * nothing.
 */
export function claimedReach(holder: RoleHolder, grants: RoleGrants): JointReach | undefined {
  if (holder.claims.length === 0) return undefined;
  const { lists, workspaces } = holderReach(holder, grants);
  const claimed = holder.claims.flatMap((id) => grants.roles.get(id) ?? []);
  const all = claimed.some(({ allWorkspaces }) => allWorkspaces);
  const together = new Set([...lists, ...claimed.map((role) => role.permissions)]);
  return {
    lists: [...together],
    workspaces: all ? "all" : workspaces,
    environment: "every",
    end: null,
    limitedBy: null,
  };
}

/** Returns the permissions that a team gives its members. */
export function teamLists(teamId: string, { roles, teams }: RoleGrants): JointReach["lists"] {
  return jointReach(teams.get(teamId) ?? [], roles, []).lists;
}

/** Returns the reach of a role or a team: its permissions in every workspace that one of its holders may enter. */
export function groupReach(lists: JointReach["lists"], { holders, grants }: Holding): JointReach {
  const entered = new Set<string>();
  let all = false;
  for (const { roleId, workspaces } of holders) {
    if (workspaces === "all" || (roleId !== null && grants.roles.get(roleId)?.allWorkspaces)) all = true;
    else for (const id of workspaces) entered.add(id);
    if (all) break;
  }
  return { lists, workspaces: all ? "all" : [...entered], environment: "every", end: null, limitedBy: null };
}

/**
 * Returns each holder before and after a change of its roles. Both sides have the same holders in the same order. There
 * may be many, so each reach is computed only when it is read.
 */
export function holderChanges(before: Holding, after: Holding): PrincipalChange[] {
  return after.holders.map((holder, index) => {
    const earlier = before.holders[index];
    if (!earlier) throw new Error("the holders before and after a change differ");
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
  return { lists, workspaces, environment: "every", end: null, limitedBy: null };
}
