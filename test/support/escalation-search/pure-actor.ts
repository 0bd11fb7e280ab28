import { reachInTenants } from "../../../src/domain/access/acting.ts";
import type { Holder } from "../../../src/domain/access/escalation.ts";
import type { JointReach, Reach } from "../../../src/domain/access/reach.ts";
import type { Rights } from "../../../src/domain/access/rights.ts";
import { type Holding, holderReach, type RoleHolder } from "../../../src/domain/access/role-holder.ts";
import { type KeyState, keyReach } from "../../../src/domain/api-key/owner.ts";
import type { Key, Organisation, Person, PlatformKey } from "./organisation.ts";

// The functions below convert the organisation to the types of the functions under test.

const hour = 3_600_000;

/** Returns a key as the service stores it. */
export function stateOf({ kind, list, all, grants, environment, end, limitedBy }: Key): KeyState {
  return {
    kind,
    system: false,
    permissions: [...list],
    workspace_scope: all ? "all" : "selected",
    environment,
    expires_at: end === null ? null : new Date(end * hour),
    granted: all ? [] : grants,
    limitedBy,
  };
}

/** Returns what the owner of a key may do now. */
export function ownerOf(at: Organisation, { owner }: Pick<Key, "owner">): Rights | undefined {
  if (owner === null) return undefined;
  const { lists, workspaces } = holderReach(holderOf(at, owner), at);
  const entered = workspaces === "all" ? [] : [...workspaces];
  return {
    permissions: lists.flat(),
    allWorkspaces: workspaces === "all",
    workspaceIds: entered,
    owner: false,
  };
}

/** Returns a person or a service account as a role holder. */
export function holderOf(at: Organisation, id: string): RoleHolder {
  const person = at.people.get(id);
  if (person) {
    const { roleId, teamIds, workspaces } = person;
    return { roleId, teamRoleIds: rolesOf(at, teamIds), workspaces, claims: claimsOf(at, person) };
  }
  const team = at.robots.get(id);
  const teamRoleIds = rolesOf(at, team === undefined ? [] : [team]);
  return { roleId: null, teamRoleIds, workspaces: "all", claims: [] };
}

function rolesOf({ teams }: Organisation, teamIds: readonly string[]): string[] {
  return [...new Set(teamIds.flatMap((id) => teams.get(id) ?? []))];
}

/** Returns the roles that limit what may be claimed for a person. */
export function claimsOf({ roles, most }: Organisation, { external }: Person): string[] {
  return external && roles.has(most) ? [most] : [];
}

/** Returns the workspaces of the people who may claim a role. */
export function workspacesOfExternal(at: Organisation): Reach["workspaces"] {
  const externalUsers = [...at.people.values()].filter(({ external }) => external && !external.removed);
  const all = externalUsers.some(({ roleId }) => roleId !== null && at.roles.get(roleId)?.allWorkspaces);
  return all ? "all" : [...new Set(externalUsers.flatMap(({ workspaces }) => workspaces))];
}

/** Returns the caller of an actor: a person by a session, a key, or a platform key that acts for the account. */
export function callerOf(at: Organisation, id: string): Holder {
  const platformKey = at.platformKeys.get(id);
  if (platformKey) return toHolder(platformReach(platformKey));
  const key = at.keys.get(id);
  return toHolder(key ? keyReach(stateOf(key), ownerOf(at, key)) : holderReach(holderOf(at, id), at));
}

function platformReach(platformKey: PlatformKey): Reach {
  const grants = { all: false, grants: [] };
  const key: Key = { kind: "service", owner: null, ...platformKey, ...grants, disabled: false };
  return reachInTenants(keyReach(stateOf(key), undefined));
}

/** Returns the list and scope of a service or developer key, or undefined for other callers. */
export function listedCaller(at: Organisation, id: string): Holder | undefined {
  const platformKey = at.platformKeys.get(id);
  if (platformKey) return toHolder(platformReach(platformKey));
  const key = at.keys.get(id);
  if (!key || key.kind === "application") return undefined;
  return toHolder(keyReach(stateOf(key), undefined));
}

/** Returns the people, service accounts and pending invites that have a role. */
export function holdersOfRole(at: Organisation, role: string): Holding {
  const owners = [...at.people.keys(), ...at.robots.keys()].map((id) => holderOf(at, id));
  const invites = [...at.invites.values()].map(({ roleId, workspaces }) => ({
    roleId,
    workspaces,
    teamRoleIds: [],
    claims: [],
  }));
  const holders = [...owners, ...invites].filter(
    ({ roleId, teamRoleIds }) => roleId === role || teamRoleIds.includes(role),
  );
  return { holders, grants: at };
}

/** Returns the members of a team and its service accounts, without the roles that they have by it. */
export function othersOfTeam(at: Organisation, team: string): Holding {
  const people = [...at.people].filter(([, { teamIds }]) => teamIds.includes(team));
  const robots = [...at.robots].filter(([, one]) => one === team);
  const holders = [
    ...people.map(([id, person]) => ({
      ...holderOf(at, id),
      teamRoleIds: rolesOf(
        at,
        person.teamIds.filter((one) => one !== team),
      ),
    })),
    ...robots.map(([id]) => ({ ...holderOf(at, id), teamRoleIds: [] })),
  ];
  return { holders, grants: at };
}

/** Returns one person with all roles and teams. */
export function holdingOfOne(at: Organisation, id: string): Holding {
  return { holders: [holderOf(at, id)], grants: at };
}

function toHolder(reach: Reach | JointReach): Holder {
  const { workspaces, environment, end, limitedBy } = reach;
  return {
    permissions: "lists" in reach ? reach.lists.flat() : [...reach.permissions],
    workspaceScope: workspaces === "all" ? "all" : "selected",
    workspaceIds: workspaces === "all" ? [] : [...workspaces],
    ...(environment !== "every" && { environment }),
    ...(end && { expiresAt: end }),
    ...(limitedBy !== null && { limitedBy }),
    superseded: false,
  };
}
