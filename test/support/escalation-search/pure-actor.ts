import type { Holder, Reach } from "../../../src/domain/access/escalation.ts";
import type { Rights } from "../../../src/domain/access/rights.ts";
import { type Holding, holderReach, type RoleHolder } from "../../../src/domain/access/role-holder.ts";
import { type KeyState, keyReach } from "../../../src/domain/api-key/owner.ts";
import type { Key, Organisation, Person } from "./organisation.ts";

// The organisation in the types of the functions under test.

const hour = 3_600_000;

/** A key as the service stores it. */
export function stateOf({ kind, list, all, grants, environment, end }: Key): KeyState {
  return {
    kind,
    system: false,
    permissions: [...list],
    workspace_scope: all ? "all" : "selected",
    environment,
    expires_at: end === null ? null : new Date(end * hour),
    granted: all ? [] : grants,
  };
}

/** What the owner of a key may do now. */
export function ownerOf(at: Organisation, { owner }: Pick<Key, "owner">): Rights | undefined {
  if (owner === null) return undefined;
  const { permissions, workspaces } = holderReach(holderOf(at, owner), at);
  const entered = workspaces === "all" ? [] : [...workspaces];
  return {
    permissions: [...permissions],
    allWorkspaces: workspaces === "all",
    workspaceIds: entered,
    owner: false,
  };
}

/** A person or a service account, by what it holds. */
export function holderOf(at: Organisation, id: string): RoleHolder {
  const person = at.people.get(id);
  if (person) return { ...person, claims: claimsOf(at, person) };
  const team = at.robots.get(id);
  return { roleId: null, teamIds: team === undefined ? [] : [team], workspaces: "all", claims: [] };
}

/** The roles that give the most of what may be claimed for a person. */
export function claimsOf({ roles, most }: Organisation, { external }: Person): string[] {
  return external && roles.has(most) ? [most] : [];
}

/** The workspaces of those who may claim a role. */
export function outsidersOf(at: Organisation): Reach["workspaces"] {
  const outsiders = [...at.people.values()].filter(({ external }) => external && !external.removed);
  const all = outsiders.some(({ roleId }) => roleId !== null && at.roles.get(roleId)?.allWorkspaces);
  return all ? "all" : [...new Set(outsiders.flatMap(({ workspaces }) => workspaces))];
}

/** Whoever acts: a person by a session, or a key. */
export function callerOf(at: Organisation, id: string): Holder {
  const key = at.keys.get(id);
  return toHolder(key ? keyReach(stateOf(key), ownerOf(at, key)) : holderReach(holderOf(at, id), at));
}

/** A service or developer key by what it names; undefined for other callers. */
export function listedCaller(at: Organisation, id: string): Holder | undefined {
  const key = at.keys.get(id);
  if (!key || key.kind === "application") return undefined;
  return toHolder(keyReach(stateOf(key), undefined));
}

/** Those people, service accounts and pending invites that fit, with all that roles and teams give. */
export function holdingOf(at: Organisation, fits: (holder: RoleHolder) => boolean): Holding {
  const owners = [...at.people.keys(), ...at.robots.keys()].map((id) => holderOf(at, id));
  const invites = [...at.invites.values()].map((invite) => ({ ...invite, teamIds: [], claims: [] }));
  return { holders: [...owners, ...invites].filter(fits), grants: at };
}

/** One person, with all that roles and teams give. */
export function holdingOfOne(at: Organisation, id: string): Holding {
  return { holders: [holderOf(at, id)], grants: at };
}

function toHolder({ permissions, workspaces, environment, end }: Reach): Holder {
  return {
    permissions: [...permissions],
    workspaceScope: workspaces === "all" ? "all" : "selected",
    workspaceIds: workspaces === "all" ? [] : [...workspaces],
    ...(environment !== "every" && { environment }),
    ...(end && { expiresAt: end }),
    superseded: false,
  };
}
