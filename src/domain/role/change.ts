import type { Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import { reachesAll, refuseEscalation, refuseEscalationOfMany } from "../access/escalation.ts";
import type { Claiming } from "../access/external-issuer.ts";
import type { Caller } from "../access/principal.ts";
import {
  memberChanges,
  namedRoleChanges,
  personRoleChanges,
  type RoleContent,
  replacementChanges,
  roleChanges,
  serviceTeamChanges,
  teamRoleChanges,
  workspaceChanges,
} from "./effect.ts";
import { claimedIn, loadHolding, workspacesOfExternalUsers } from "./holder-load.ts";

/** What a change of roles, teams, people or grants is judged by, besides what its caller holds. */
export interface AccessDeps extends Claiming {
  bounds: Bounds;
}

/**
 * Refuses a new role, or one with a new name, that allows more than the caller may do. Nobody holds it, but if outside
 * tokens claim roles, those with a claim of this name hold it from now on.
 */
export async function checkNamedRole(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  permissions: readonly string[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const at = claimedIn(claimingIssuers, caller);
  const outsiders = at.issuers.length > 0 ? await workspacesOfExternalUsers(tx, at) : undefined;
  refuseEscalation(caller, namedRoleChanges(permissions, outsiders));
}

/** Refuses other permissions of a role by which the role or one of its holders reaches more than the caller. */
export async function checkRole(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  role: RoleContent,
  permissions: readonly string[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(tx, at, { roleId: role.id }, { roleIds: [role.id] });
  const outsiders = await workspacesOfExternalUsers(tx, at);
  await refuseEscalationOfMany(caller, roleChanges(holding, role, permissions, outsiders));
}

/** Refuses a replacement of a role by which one of its holders reaches more than the caller. */
export async function checkReplacement(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  role: RoleContent,
  replacement: RoleContent,
): Promise<void> {
  if (reachesAll(caller)) return;
  const also = { roleIds: [role.id, replacement.id] };
  const holding = await loadHolding(tx, claimedIn(claimingIssuers, caller), { roleId: role.id }, also);
  await refuseEscalationOfMany(caller, replacementChanges(holding, role, replacement));
}

/** Refuses other roles of a team by which the team or one of its holders reaches more than the caller. */
export async function checkTeamRoles(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  teamId: string,
  roles: readonly RoleContent[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(tx, at, { teamId }, { teamIds: [teamId] });
  await refuseEscalationOfMany(caller, teamRoleChanges(holding, teamId, roles));
}

/** Refuses to make somebody a member of a team by which the person reaches more than the caller. */
export async function checkTeamMember(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  teamId: string,
  profileId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(tx, at, { profileId }, { teamIds: [teamId] });
  refuseEscalation(caller, memberChanges(holding, teamId));
}

/** Refuses a team by which a service account reaches more than the caller. `from`: the team that it leaves. */
export async function checkServiceTeam(tx: Tx, caller: Caller, teamId: string, from?: string): Promise<void> {
  if (reachesAll(caller)) return;
  const teamIds = from === undefined ? [teamId] : [teamId, from];
  const { grants } = await loadHolding(tx, claimedIn([], caller), { profileId: "" }, { teamIds });
  refuseEscalation(caller, serviceTeamChanges(grants, teamId, from));
}

/** Refuses a role by which a person reaches more than the caller. */
export async function checkPersonRole(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  person: { profileId: string; roleId: string | null },
  roleId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const { profileId } = person;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(tx, at, { profileId }, { roleIds: [roleId] });
  refuseEscalation(caller, personRoleChanges(holding, person.roleId, roleId));
}

/** Refuses a workspace for a person or service account by which it reaches more than the caller. */
export async function checkWorkspaceMember(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  profileId: string,
  workspaceId: string,
): Promise<void> {
  if (reachesAll(caller)) return;
  const holding = await loadHolding(tx, claimedIn(claimingIssuers, caller), { profileId });
  refuseEscalation(caller, workspaceChanges(holding, workspaceId));
}
