import type { PrincipalChange } from "../../../src/domain/access/escalation.ts";
import { keyChanges, listedChanges } from "../../../src/domain/api-key/owner.ts";
import { invitedReach } from "../../../src/domain/invite/reach.ts";
import {
  memberChanges,
  namedRoleChanges,
  personRoleChanges,
  replacementChanges,
  roleChanges,
  serviceTeamChanges,
  teamRoleChanges,
  workspaceChanges,
} from "../../../src/domain/role/effect.ts";
import {
  counters,
  type Key,
  lists,
  membersOf,
  newId,
  newKey,
  type Organisation,
  type Person,
  workspaces,
} from "./organisation.ts";
import {
  claimsOf,
  holdersOfRole,
  holdingOfOne,
  othersOfTeam,
  ownerOf,
  stateOf,
  workspacesOfExternal,
} from "./pure-actor.ts";
import type { Random } from "./random.ts";

/** An attempted change: the resulting principals, by the functions under test, and the new plain sets. */
export interface Attempt {
  changes: PrincipalChange[];
  /** For a key with an owner: the changes by its list and scope. */
  listed?: PrincipalChange[];
  apply(): void;
  /** The id of the credential that the actor gains. */
  joins?: string;
}

type Step = (at: Organisation, random: Random, actor: string) => Attempt | undefined;

/** Every kind of change, by its name. */
export const steps: Record<string, Step> = {
  mintKey(at, random, actor) {
    const key = { ...newKey(at, random), disabled: false };
    if (key.kind === "developer" && key.owner !== userOf(at, actor)) return undefined;
    const id = newId(at, "key");
    const grants = key.all ? [] : key.grants;
    const change = { owner: ownerOf(at, key), after: stateOf(key), grants };
    const changes = { changes: keyChanges(change), ...(key.owner && { listed: listedChanges(change) }) };
    return { ...changes, apply: () => void at.keys.set(id, key), joins: id };
  },
  updateKey: (at, random) =>
    withKey(at, random, (id, key) => {
      const after: Key = { ...key, ...random.pick(updatesOf(random)) };
      return changeKey(at, id, key, after);
    }),
  grantKey: (at, random) =>
    withKey(at, random, (id, key) => {
      const workspace = random.pick(workspaces);
      if (key.all || key.grants.includes(workspace)) return undefined;
      const after = { ...key, grants: [...key.grants, workspace] };
      return changeKey(at, id, key, after, [workspace]);
    }),
  rotateKey: (at, random, actor) =>
    withKey(at, random, (id, key) => {
      if (key.kind === "developer" && key.owner !== userOf(at, actor)) return undefined;
      return { ...revive(at, key), apply() {}, joins: id };
    }),
  switchKey: (at, random) =>
    withKey(at, random, (_id, key) => ({
      ...(key.disabled ? revive(at, key) : { changes: [] }),
      apply: () => void Object.assign(key, { disabled: !key.disabled }),
    })),
  createRole(at, random) {
    const permissions = random.pick(lists);
    const id = newId(at, "role");
    return {
      changes: namedRoleChanges(permissions, workspacesOfExternal(at)),
      apply: () => void at.roles.set(id, { permissions, allWorkspaces: false }),
    };
  },
  updateRole(at, random) {
    const [id, permissions] = [customRole(at, random), random.pick(lists)];
    return {
      changes: roleChanges(holdersOfRole(at, id), content(at, id), permissions, workspacesOfExternal(at)),
      apply: () => void at.roles.set(id, { permissions, allWorkspaces: false }),
    };
  },
  replaceRole(at, random) {
    const [id, by] = [customRole(at, random), random.pick([...at.roles.keys()])];
    if (id === by || at.roles.size < 4) return undefined;
    return {
      changes: replacementChanges(holdersOfRole(at, id), content(at, id), content(at, by)),
      apply() {
        for (const held of [...at.people.values(), ...at.invites.values()]) {
          if (held.roleId === id) held.roleId = by;
        }
        for (const [team, roles] of at.teams)
          at.teams.set(
            team,
            roles.map((one) => (one === id ? by : one)),
          );
        at.roles.delete(id);
      },
    };
  },
  updateTeam(at, random) {
    const id = random.pick([...at.teams.keys()]);
    const roles = random.some([...at.roles.keys()], 0.2);
    const changes = teamRoleChanges(
      othersOfTeam(at, id),
      id,
      roles.map((one) => content(at, one)),
    );
    return { changes, apply: () => void at.teams.set(id, roles) };
  },
  joinTeam(at, random) {
    const [id, team] = [random.pick(membersOf(at)), random.pick([...at.teams.keys()])];
    const person = at.people.get(id);
    if (!person || person.teamIds.includes(team)) return undefined;
    const holding = holdingOfOne(at, id);
    return { changes: memberChanges(holding, team), apply: () => void person.teamIds.push(team) };
  },
  moveRobot(at, random) {
    const known = random.chance(0.7) ? random.pick([...at.robots.keys()]) : undefined;
    const team = random.pick([...at.teams.keys()]);
    const id = known ?? newId(at, "robot");
    return {
      changes: serviceTeamChanges(at, team, known && at.robots.get(known)),
      apply: () => void at.robots.set(id, team),
    };
  },
  setRole(at, random) {
    const [id, person] = random.pick([...at.people]);
    const roleId = random.pick([...at.roles.keys()]);
    if (person.external?.removed) return undefined;
    const holding = holdingOfOne(at, id);
    return {
      changes: personRoleChanges(holding, person.roleId, roleId),
      apply: () => void Object.assign(person, { roleId }),
    };
  },
  grantPerson(at, random) {
    const [id, person] = random.pick([...at.people]);
    const workspace = random.pick(workspaces);
    if (person.workspaces.includes(workspace) || person.external?.removed) return undefined;
    const holding = holdingOfOne(at, id);
    return {
      changes: workspaceChanges(holding, workspace),
      apply: () => void person.workspaces.push(workspace),
    };
  },
  invite(at, random, actor) {
    const [roleId, granted] = [random.pick([...at.roles.keys()]), random.some(workspaces, 0.3)];
    const id = newId(at, "invite");
    return {
      changes: invited(at, roleId, granted),
      apply: () => void at.invites.set(id, { roleId, workspaces: granted, by: actor }),
    };
  },
};

/** The reach of a person who accepts an invite. It is compared with what the maker reaches now. */
export function invited(
  at: Organisation,
  roleId: string,
  granted: readonly string[],
  person?: Person,
): PrincipalChange[] {
  const roles = person ? claimsOf(at, person).flatMap((id) => at.roles.get(id) ?? []) : [];
  const claims = { roles, removed: person?.external?.removed ?? false };
  return [{ after: invitedReach(content(at, roleId), granted, claims) }];
}

function updatesOf(random: Random): Partial<Key>[] {
  return [
    { list: random.pick(lists) },
    ...[{ all: true }, { all: false }],
    { end: random.pick([null, 1, 2, 3]) },
    { limitedBy: random.pick([null, ...counters]) },
  ];
}

function changeKey(at: Organisation, id: string, before: Key, after: Key, grants: string[] = []): Attempt {
  const change = { owner: ownerOf(at, before), before: stateOf(before), after: stateOf(after), grants };
  return {
    changes: keyChanges(change),
    ...(before.owner && { listed: listedChanges(change) }),
    apply: () => void at.keys.set(id, after),
  };
}

function revive(at: Organisation, key: Key): Pick<Attempt, "changes" | "listed"> {
  const change = { owner: ownerOf(at, key), after: stateOf(key) };
  return { changes: keyChanges(change), ...(key.owner && { listed: listedChanges(change) }) };
}

function withKey(
  { keys }: Organisation,
  random: Random,
  plan: (id: string, key: Key) => Attempt | undefined,
): Attempt | undefined {
  const id = random.pick([...keys.keys()]);
  const key = keys.get(id);
  return key && plan(id, key);
}

// Returns the person who acts by a session or a developer key.
function userOf({ people, keys }: Organisation, actor: string): string | undefined {
  if (people.has(actor)) return actor;
  const key = keys.get(actor);
  return key?.kind === "developer" ? (key.owner ?? undefined) : undefined;
}

function customRole(at: Organisation, random: Random): string {
  return random.pick([...at.roles].flatMap(([id, role]) => (role.allWorkspaces ? [] : [id])));
}

function content(at: Organisation, id: string) {
  const role = at.roles.get(id);
  return { id, permissions: role?.permissions ?? [], all_workspaces: role?.allWorkspaces ?? false };
}
