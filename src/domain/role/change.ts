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

/** The dependencies of changes that are evaluated against what the caller holds: roles, teams, people and grants. */
export interface AccessDeps extends Claiming {
  bounds: Bounds;
  /** The queue in which comparisons of many holders wait for their turn. */
  comparisons: WorkQueue;
}

/**
 * Fails if a new role, or a role with a new name, allows more than the caller may do. No member holds it yet. But if
 * external tokens claim roles, tokens that claim this name now give it.
 */
export async function checkNamedRole(
  tx: Tx,
  caller: Caller,
  { claimingIssuers }: Claiming,
  permissions: readonly string[],
): Promise<void> {
  if (reachesAll(caller)) return;
  const at = claimedIn(claimingIssuers, caller);
  const externalWorkspaces = at.issuers.length > 0 ? await workspacesOfExternalUsers(tx, at) : undefined;
  refuseEscalation(caller, namedRoleChanges(permissions, externalWorkspaces));
}

// A role or a team may have many holders. So each of the next three functions runs before the transaction of the
// change and again within it. The second run compares nothing if nothing has changed. Each returns a digest of what
// it compared.

/** Fails if new permissions of a role give the role or one of its holders more reach than the caller has. */
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
  const externalWorkspaces = await workspacesOfExternalUsers(db, at);
  const seen = [...partsOf(holding), contentOf(role), permissions, externalWorkspaces];
  return compareOnce(caller, seen, () => roleChanges(holding, role, permissions, externalWorkspaces), stage);
}

/** Fails if the replacement of a role gives one of its holders more reach than the caller has. */
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

/** Fails if new roles of a team give the team or one of its holders more reach than the caller has. */
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

/** Fails if the membership of a team gives a person more reach than the caller has. */
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

/**
 * Fails if a team gives a service account more reach than the caller has. `from` is the team that the service account
 * leaves.
 */
export async function checkServiceTeam(tx: Tx, caller: Caller, teamId: string, from?: string): Promise<void> {
  if (reachesAll(caller)) return;
  const teamIds = from === undefined ? [teamId] : [teamId, from];
  const { grants } = await loadHolding(tx, claimedIn([], caller), { profileId: "" }, { teamIds });
  refuseEscalation(caller, serviceTeamChanges(grants, teamId, from));
}

/** Fails if a role gives a person more reach than the caller has. */
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

/** Fails if a workspace gives a person or a service account more reach than the caller has. */
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
