import type { Db, Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import { reachesAll, refuseEscalation } from "../access/escalation.ts";
import type { Claiming } from "../access/external-issuer.ts";
import type { Caller } from "../access/principal.ts";
import type { Holding } from "../access/role-holder.ts";
import type { WorkQueue } from "../kernel/work-queue.ts";
import { claimedIn, workspacesOfExternalUsers } from "./claimed.ts";
import { compareOnce, type Stage } from "./comparison.ts";
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
import { loadHolding } from "./holder-load.ts";

/** What a change of roles, teams, people or grants is judged by, besides what its caller holds. */
export interface AccessDeps extends Claiming {
  bounds: Bounds;
  /** Where comparisons of many holders wait for their turn. */
  comparisons: WorkQueue;
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

// A role or a team may have very many holders. So each of the next three runs before the transaction of the change, and
// once more within it, where it compares nothing if everything is the same. Each returns a digest of what it compared.

/** Refuses other permissions of a role by which the role or one of its holders reaches more than the caller. */
export async function checkRole(
  db: Db,
  caller: Caller,
  { claimingIssuers }: Claiming,
  role: RoleContent,
  permissions: readonly string[],
  stage: Stage,
): Promise<string | undefined> {
  if (reachesAll(caller)) return undefined;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(db, at, { roleId: role.id }, { roleIds: [role.id] });
  const outsiders = await workspacesOfExternalUsers(db, at);
  const seen = [...partsOf(holding), contentOf(role), permissions, outsiders];
  return compareOnce(caller, seen, () => roleChanges(holding, role, permissions, outsiders), stage);
}

/** Refuses a replacement of a role by which one of its holders reaches more than the caller. */
export async function checkReplacement(
  db: Db,
  caller: Caller,
  { claimingIssuers }: Claiming,
  role: RoleContent,
  replacement: RoleContent,
  stage: Stage,
): Promise<string | undefined> {
  if (reachesAll(caller)) return undefined;
  const also = { roleIds: [role.id, replacement.id] };
  const holding = await loadHolding(db, claimedIn(claimingIssuers, caller), { roleId: role.id }, also);
  const seen = [...partsOf(holding), contentOf(role), contentOf(replacement)];
  return compareOnce(caller, seen, () => replacementChanges(holding, role, replacement), stage);
}

/** Refuses other roles of a team by which the team or one of its holders reaches more than the caller. */
export async function checkTeamRoles(
  db: Db,
  caller: Caller,
  { claimingIssuers }: Claiming,
  teamId: string,
  roles: readonly RoleContent[],
  stage: Stage,
): Promise<string | undefined> {
  if (reachesAll(caller)) return undefined;
  const at = claimedIn(claimingIssuers, caller);
  const holding = await loadHolding(db, at, { teamId }, { teamIds: [teamId] });
  const seen = [...partsOf(holding), teamId, roles.map(contentOf)];
  return compareOnce(caller, seen, () => teamRoleChanges(holding, teamId, roles), stage);
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

function partsOf({ holders, grants }: Holding): unknown[] {
  return [holders, [...grants.roles], [...grants.teams]];
}

function contentOf({ id, permissions, all_workspaces }: RoleContent): unknown[] {
  return [id, permissions, all_workspaces];
}
