import type { Tx } from "../../db/connect.ts";
import { reachesAll, refuseEscalation, refuseEscalationOfMany } from "../access/escalation.ts";
import type { Caller } from "../access/principal.ts";
import { lastingReach } from "../access/role-holder.ts";
import {
  memberChanges,
  personRoleChanges,
  type RoleContent,
  replacementChanges,
  roleChanges,
  serviceTeamChanges,
  teamRoleChanges,
  workspaceChanges,
} from "./effect.ts";
import { loadHolding, workspacesOfExternalUsers } from "./holder-load.ts";

/** Whether tokens of outside issuers may claim roles by their names, for one request each. */
export interface RoleClaims {
  claimed: boolean;
}

/**
 * Refuses a new role, or one with a new name, that allows more than the caller may do. Nobody holds it, but if outside
 * tokens claim roles, those with a claim of this name hold it from now on.
 */
export async function checkNamedRole(
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
export async function checkRole(
  tx: Tx,
  caller: Caller,
  role: RoleContent,
  permissions: readonly string[],
  { claimed }: RoleClaims,
): Promise<void> {
  if (reachesAll(caller)) return;
  const loaded = await loadHolding(tx, caller.accountId, { roleId: role.id }, { roleIds: [role.id] });
  const claiming = { roleId: null, teamIds: [], workspaces: await workspacesOfClaims(tx, caller, claimed) };
  const holding = { ...loaded, holders: [...loaded.holders, claiming] };
  await refuseEscalationOfMany(caller, roleChanges(holding, role, permissions));
}

/** Refuses a replacement of a role by which one of its holders reaches more than the caller. */
export async function checkReplacement(
  tx: Tx,
  caller: Caller,
  role: RoleContent,
  replacement: RoleContent,
): Promise<void> {
  if (reachesAll(caller)) return;
  const also = { roleIds: [role.id, replacement.id] };
  const holding = await loadHolding(tx, caller.accountId, { roleId: role.id }, also);
  await refuseEscalationOfMany(caller, replacementChanges(holding, role, replacement));
}

/** Refuses other roles of a team by which the team or one of its holders reaches more than the caller. */
export async function checkTeamRoles(
  tx: Tx,
  caller: Caller,
  teamId: string,
  roles: readonly RoleContent[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const holding = await loadHolding(tx, caller.accountId, { teamId }, { teamIds: [teamId] });
  await refuseEscalationOfMany(caller, teamRoleChanges(holding, teamId, roles));
}

/** Refuses to make somebody a member of a team by which the person reaches more than the caller. */
export async function checkTeamMember(
  tx: Tx,
  caller: Caller,
  teamId: string,
  profileId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const holding = await loadHolding(tx, caller.accountId, { profileId }, { teamIds: [teamId] });
  refuseEscalation(caller, memberChanges(holding, teamId));
}

/** Refuses a team by which a service account reaches more than the caller. `from`: the team that it leaves. */
export async function checkServiceTeam(tx: Tx, caller: Caller, teamId: string, from?: string): Promise<void> {
  if (reachesAll(caller)) return;
  const teamIds = from === undefined ? [teamId] : [teamId, from];
  const { grants } = await loadHolding(tx, caller.accountId, { profileId: "" }, { teamIds });
  refuseEscalation(caller, serviceTeamChanges(grants, teamId, from));
}

/** Refuses a role by which a person reaches more than the caller. */
export async function checkPersonRole(
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
  refuseEscalation(caller, personRoleChanges({ ...loaded, holders }, person.roleId, roleId));
}

/** Refuses a workspace for a person or service account by which it reaches more than the caller. */
export async function checkWorkspaceMember(
  tx: Tx,
  caller: Caller,
  profileId: string,
  workspaceId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const holding = await loadHolding(tx, caller.accountId, { profileId });
  refuseEscalation(caller, workspaceChanges(holding, workspaceId));
}

function workspacesOfClaims(tx: Tx, caller: Caller, claimed: boolean): Promise<"all" | string[]> {
  return claimed ? workspacesOfExternalUsers(tx, caller.accountId) : Promise.resolve([]);
}
