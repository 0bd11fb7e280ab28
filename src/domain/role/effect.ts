import type { PrincipalChange } from "../access/escalation.ts";
import type { Reach } from "../access/reach.ts";
import {
  groupReach,
  type Holding,
  holderChanges,
  holderReach,
  lastingReach,
  type RoleGrants,
  teamLists,
} from "../access/role-holder.ts";

// The functions below return the result of each change of roles and teams. They are pure, and the property test of
// escalation runs on them.

/** The parts of a role that its holders depend on. */
export interface RoleContent {
  id: string;
  permissions: readonly string[];
  all_workspaces: boolean;
}

/**
 * A role is created or renamed. `externalWorkspaces` are the workspaces of people whose tokens may now claim it. The role lets
 * them into the account even if it allows nothing. Undefined if no token claims roles.
 */
export function namedRoleChanges(
  permissions: readonly string[],
  externalWorkspaces: Reach["workspaces"] | undefined,
): PrincipalChange[] {
  if (permissions.length === 0 && externalWorkspaces === undefined) return [];
  return [{ after: lastingReach(permissions, externalWorkspaces ?? []) }];
}

/** A role gets other permissions. `externalWorkspaces` are the workspaces of people whose tokens may claim it. */
export function roleChanges(
  held: Holding,
  role: RoleContent,
  permissions: readonly string[],
  externalWorkspaces: Reach["workspaces"],
): PrincipalChange[] {
  const claiming = { roleId: null, teamRoleIds: [], workspaces: externalWorkspaces, claims: [] };
  const before = { ...held, holders: [...held.holders, claiming] };
  const roles = new Map(before.grants.roles);
  roles.set(role.id, { permissions, allWorkspaces: role.all_workspaces });
  const after = { ...before, grants: { ...before.grants, roles } };
  return [
    { before: groupReach([role.permissions], before), after: groupReach([permissions], after) },
    ...holderChanges(before, after),
  ];
}

/** The holders of a role get another one instead. */
export function replacementChanges(
  before: Holding,
  role: RoleContent,
  replacement: RoleContent,
): PrincipalChange[] {
  const instead = (id: string) => (id === role.id ? replacement.id : id);
  const holders = before.holders.map((one) => ({
    ...one,
    roleId: one.roleId && instead(one.roleId),
    teamRoleIds: one.teamRoleIds.map(instead),
  }));
  const after: Holding = { ...before, holders };
  return [
    { before: groupReach([role.permissions], before), after: groupReach([replacement.permissions], after) },
    ...holderChanges(before, after),
  ];
}

/** A team gets other roles. `others` are its members, without the roles that they have by the team. */
export function teamRoleChanges(
  others: Holding,
  teamId: string,
  roles: readonly RoleContent[],
): PrincipalChange[] {
  const before = inTeam(others, teamId);
  const after = inTeam({ ...others, grants: withTeam(others.grants, teamId, roles) }, teamId);
  const lists = teamLists(teamId, after.grants);
  const team = {
    before: groupReach(teamLists(teamId, before.grants), before),
    after: groupReach(lists, after),
  };
  // A team that allows nothing has no reach to compare, for example a new team without roles.
  const allows = lists.some((permissions) => permissions.length > 0);
  return [...(allows ? [team] : []), ...holderChanges(before, after)];
}

/** A person becomes a member of a team. */
export function memberChanges(before: Holding, teamId: string): PrincipalChange[] {
  const after = inTeam(before, teamId);
  return [{ after: groupReach(teamLists(teamId, before.grants), after) }, ...holderChanges(before, after)];
}

/** A service account is created in a team, or moves to it `from` another team. */
export function serviceTeamChanges(grants: RoleGrants, teamId: string, from?: string): PrincipalChange[] {
  const reach = (id: string) =>
    holderReach(
      { roleId: null, teamRoleIds: grants.teams.get(id) ?? [], workspaces: "all", claims: [] },
      grants,
    );
  return [{ ...(from !== undefined && { before: reach(from) }), after: reach(teamId) }];
}

/** A person gets another role. `from` is null for a guest, who has no reach without a claim. */
export function personRoleChanges(before: Holding, from: string | null, roleId: string): PrincipalChange[] {
  const after: Holding = { ...before, holders: before.holders.map((one) => ({ ...one, roleId })) };
  const ofRole = (id: string | null, holding: Holding) =>
    groupReach([(id !== null && before.grants.roles.get(id)?.permissions) || []], holding);
  const changes = [
    { before: ofRole(from, before), after: ofRole(roleId, after) },
    ...holderChanges(before, after),
  ];
  return from === null ? changes.map(({ before: _, ...made }) => made) : changes;
}

/** A workspace is granted to a person or a service account. */
export function workspaceChanges(before: Holding, workspaceId: string): PrincipalChange[] {
  const holders = before.holders.map((one) => ({
    ...one,
    workspaces: one.workspaces === "all" ? one.workspaces : [...one.workspaces, workspaceId],
  }));
  return [{ after: lastingReach([], [workspaceId]) }, ...holderChanges(before, { ...before, holders })];
}

// Returns the holders with the roles of a team added.
function inTeam({ holders, grants }: Holding, teamId: string): Holding {
  const ofTeam = grants.teams.get(teamId) ?? [];
  const joined = holders.map((one) => ({ ...one, teamRoleIds: [...one.teamRoleIds, ...ofTeam] }));
  return { holders: joined, grants };
}

function withTeam(grants: RoleGrants, teamId: string, roles: readonly RoleContent[]): RoleGrants {
  const teams = new Map(grants.teams).set(
    teamId,
    roles.map((role) => role.id),
  );
  const known = roles.map(
    ({ id, permissions, all_workspaces }) => [id, { permissions, allWorkspaces: all_workspaces }] as const,
  );
  // Roles that were already loaded keep the same list object, so that it is compared only once.
  return { teams, roles: new Map([...known, ...grants.roles]) };
}
