import type { Tx } from "../db/connect.ts";
import { type PrincipalChange, reachesAll, refuseEscalation } from "./escalation.ts";
import type { Caller } from "./principal.ts";
import {
  groupReach,
  type Holding,
  holderChanges,
  holderReach,
  lastingReach,
  type RoleGrants,
  teamPermissions,
} from "./role-holder.ts";
import { loadHolding, workspacesOfOutsiders } from "./role-holder-load.ts";

/** A role, as far as its holders depend on it. */
export interface RoleContent {
  id: string;
  permissions: readonly string[];
  all_workspaces: boolean;
}

/** Whether tokens of outside issuers may claim roles by their names, for one request each. */
export interface RoleClaims {
  claimed: boolean;
}

/**
 * Refuses a new role, or one with a new name, that allows more than the caller may do. Nobody holds it, but if outside
 * tokens claim roles, those with a claim of this name hold it from now on.
 */
export async function judgeNamedRole(
  tx: Tx,
  caller: Caller,
  permissions: readonly string[],
  { claimed }: RoleClaims,
): Promise<void> {
  if (reachesAll(caller) || permissions.length === 0) return;
  const workspaces = await workspacesOfClaims(tx, caller, claimed);
  refuseEscalation(caller, [{ after: lastingReach(permissions, workspaces) }]);
}

/** Refuses other permissions of a role by which the role or one of its holders reaches more than the caller. */
export async function judgeRole(
  tx: Tx,
  caller: Caller,
  role: RoleContent,
  permissions: readonly string[],
  { claimed }: RoleClaims,
): Promise<void> {
  if (reachesAll(caller)) return;
  const loaded = await loadHolding(tx, caller.accountId, { roleId: role.id }, { roleIds: [role.id] });
  const claiming = { roleId: null, teamIds: [], workspaces: await workspacesOfClaims(tx, caller, claimed) };
  const before = { ...loaded, holders: [...loaded.holders, claiming] };
  const roles = new Map(before.grants.roles);
  roles.set(role.id, { permissions, allWorkspaces: role.all_workspaces });
  const after = { ...before, grants: { ...before.grants, roles } };
  refuseEscalation(caller, [
    { before: groupReach(role.permissions, before), after: groupReach(permissions, after) },
    ...holderChanges(before, after),
  ]);
}

/** Refuses a replacement of a role by which one of its holders reaches more than the caller. */
export async function judgeReplacement(
  tx: Tx,
  caller: Caller,
  role: RoleContent,
  replacement: RoleContent,
): Promise<void> {
  if (reachesAll(caller)) return;
  const instead = (id: string) => (id === role.id ? replacement.id : id);
  const roleIds = [role.id, replacement.id];
  const before = await loadHolding(tx, caller.accountId, { roleId: role.id }, { roleIds });
  const teams = new Map([...before.grants.teams].map(([id, roles]) => [id, roles.map(instead)]));
  const after: Holding = {
    holders: before.holders.map((one) => ({ ...one, roleId: one.roleId && instead(one.roleId) })),
    grants: { ...before.grants, teams },
  };
  refuseEscalation(caller, [
    { before: groupReach(role.permissions, before), after: groupReach(replacement.permissions, after) },
    ...holderChanges(before, after),
  ]);
}

/** Refuses other roles of a team by which the team or one of its holders reaches more than the caller. */
export async function judgeTeamRoles(
  tx: Tx,
  caller: Caller,
  teamId: string,
  roles: readonly RoleContent[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const before = await loadHolding(tx, caller.accountId, { teamId }, { teamIds: [teamId] });
  const after: Holding = { ...before, grants: withTeam(before.grants, teamId, roles) };
  const team: PrincipalChange = {
    before: groupReach(teamPermissions(teamId, before.grants), before),
    after: groupReach(teamPermissions(teamId, after.grants), after),
  };
  // A team that allows nothing is nobody: so is one that is made without roles.
  const changes = team.after.permissions.length > 0 ? [team] : [];
  refuseEscalation(caller, [...changes, ...holderChanges(before, after)]);
}

/** Refuses to make somebody a member of a team by which the person reaches more than the caller. */
export async function judgeTeamMember(
  tx: Tx,
  caller: Caller,
  teamId: string,
  profileId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const before = await loadHolding(tx, caller.accountId, { profileId }, { teamIds: [teamId] });
  const holders = before.holders.map((one) => ({ ...one, teamIds: [...one.teamIds, teamId] }));
  const after = { ...before, holders };
  refuseEscalation(caller, [
    { after: groupReach(teamPermissions(teamId, before.grants), after) },
    ...holderChanges(before, after),
  ]);
}

/** Refuses a team by which a service account reaches more than the caller. `from`: the team that it leaves. */
export async function judgeServiceTeam(tx: Tx, caller: Caller, teamId: string, from?: string): Promise<void> {
  if (reachesAll(caller)) return;
  const teamIds = from === undefined ? [teamId] : [teamId, from];
  const { grants } = await loadHolding(tx, caller.accountId, { profileId: "" }, { teamIds });
  const reach = (id: string) => holderReach({ roleId: null, teamIds: [id], workspaces: "all" }, grants);
  refuseEscalation(caller, [{ ...(from !== undefined && { before: reach(from) }), after: reach(teamId) }]);
}

/** Refuses a role by which a person reaches more than the caller. */
export async function judgePersonRole(
  tx: Tx,
  caller: Caller,
  person: { profileId: string; roleId: string | null; workspaces: readonly string[] },
  roleId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const { profileId } = person;
  const loaded = await loadHolding(tx, caller.accountId, { profileId }, { roleIds: [roleId] });
  // A guest has no membership yet.
  const guest = { roleId: null, teamIds: [], workspaces: person.workspaces };
  const holders = loaded.holders.length > 0 ? loaded.holders : [guest];
  const before: Holding = { ...loaded, holders };
  const after: Holding = { ...loaded, holders: holders.map((one) => ({ ...one, roleId })) };
  const ofRole = (id: string | null, holding: Holding) =>
    groupReach((id !== null && loaded.grants.roles.get(id)?.permissions) || [], holding);
  refuseEscalation(caller, [
    { before: ofRole(person.roleId, before), after: ofRole(roleId, after) },
    ...holderChanges(before, after),
  ]);
}

/** Refuses a workspace for a person or service account by which it reaches more than the caller. */
export async function judgeWorkspaceMember(
  tx: Tx,
  caller: Caller,
  profileId: string,
  workspaceId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const before = await loadHolding(tx, caller.accountId, { profileId });
  const holders = before.holders.map((one) => ({
    ...one,
    workspaces: one.workspaces === "all" ? one.workspaces : [...one.workspaces, workspaceId],
  }));
  refuseEscalation(caller, [
    { after: lastingReach([], [workspaceId]) },
    ...holderChanges(before, { ...before, holders }),
  ]);
}

function workspacesOfClaims(tx: Tx, caller: Caller, claimed: boolean): Promise<"all" | string[]> {
  return claimed ? workspacesOfOutsiders(tx, caller.accountId) : Promise.resolve([]);
}

function withTeam(grants: RoleGrants, teamId: string, roles: readonly RoleContent[]): RoleGrants {
  const teams = new Map(grants.teams).set(
    teamId,
    roles.map((role) => role.id),
  );
  const known = roles.map(
    ({ id, permissions, all_workspaces }) => [id, { permissions, allWorkspaces: all_workspaces }] as const,
  );
  return { teams, roles: new Map([...grants.roles, ...known]) };
}
