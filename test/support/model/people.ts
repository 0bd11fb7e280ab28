import { joinSignedIn } from "../actors/actors.ts";
import { type Actor, opensAll, type Person, type Role, type Team, teamRights, type World } from "./model.ts";
import {
  assign,
  effectsOf,
  enteredBy,
  holdersOf,
  mayResult,
  membersOf,
  reachOf,
  replacementOf,
  same,
  someone,
} from "./reach.ts";

/** Numbers that say what a step is about: each picks one of whatever there is. */
export interface Numbers {
  a: number;
  b: number;
  c: number;
}

/** A change: whether the model lets it be made, and how it is made, in the service and then in the model. */
export interface Plan {
  allowed: boolean;
  run(): Promise<unknown>;
}

/** What a step comes to in this world, by this actor; undefined where there is nothing that it could be about. */
export type Command = (world: World, actor: Actor, numbers: Numbers) => Plan | undefined;

/** One of a list. */
export function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % list.length];
}

/** Sets of permissions to put into roles and keys. */
export const lists = [
  ["agents:read"],
  ["agents:write", "runs:start"],
  ["*:write", "api_keys:write"],
  ["*:read", "runs:*", "teams:manage"],
  ["api_keys:manage", "service_accounts:manage", "agents:read"],
  ["profiles:manage", "roles:manage", "invites:write", "workspaces:manage"],
  ["*"],
  [],
];

const named = () => ({ name: `n${Math.random()}` });

/** Roles, teams, members and their workspaces. */
export const peopleCommands: Record<string, Command> = {
  createRole(world, actor, { a }) {
    const permissions = pick(lists, a) ?? [];
    return {
      allowed: can(actor, "roles:write") && mayResult(actor, someone(permissions)),
      async run() {
        const { role } = await actor.by.roles.createRole({ metadata: named(), spec: { permissions } });
        world.roles.push({ id: role?.metadata?.id ?? "", permissions, builtin: "" });
      },
    };
  },
  updateRole(world, actor, { a, b }) {
    const [role, permissions = []] = [pick(world.roles, a), pick(lists, b)];
    if (!role) return undefined;
    const entered = enteredBy(...holdersOf(world, role));
    const group = { before: reachOf(role.permissions, ...entered), after: reachOf(permissions, ...entered) };
    const effects = effectsOf(world, () => assign(role, { permissions }));
    return {
      allowed: can(actor, "roles:manage") && !role.builtin && mayResult(actor, [group, ...effects]),
      async run() {
        const updateMask = { paths: ["spec.permissions"] };
        await actor.by.roles.updateRole({ id: role.id, spec: { permissions }, updateMask });
        role.permissions = permissions;
      },
    };
  },
  deleteRole(world, actor, { a, b, c }) {
    const role = pick(world.roles, a);
    const replacement = c % 2 ? pick(world.roles, b) : undefined;
    if (!role) return undefined;
    const people = world.people.filter((person) => person.role === role);
    const teams = world.teams.filter((team) => team.roles.has(role));
    const replace = (by: Role) => {
      const undo = [
        ...people.map((person) => assign(person, { role: by })),
        ...teams.map((team) =>
          assign(team, { roles: new Set([...team.roles, by].filter((one) => one !== role)) }),
        ),
      ];
      return () => undo.forEach((one) => void one());
    };
    const instead = replacement
      ? replacement !== role &&
        replacement.builtin !== "owner" &&
        mayResult(actor, replacementOf(world, role, replacement, replace))
      : people.length + teams.length === 0;
    return {
      allowed: can(actor, "roles:manage") && !role.builtin && instead,
      async run() {
        await actor.by.roles.deleteRole({ id: role.id, replacement: replacement?.id ?? "" });
        for (const person of people) person.role = replacement;
        for (const team of teams) {
          team.roles.delete(role);
          if (replacement) team.roles.add(replacement);
        }
        world.roles = world.roles.filter((one) => one !== role);
      },
    };
  },
  createTeam(world, actor, { a }) {
    const role = pick(world.roles, a);
    if (!role) return undefined;
    const made = someone(role.permissions);
    return {
      allowed: can(actor, "teams:write") && role.builtin !== "owner" && mayResult(actor, made),
      async run() {
        const { team } = await actor.by.teams.createTeam({ metadata: named(), spec: { roles: [role.id] } });
        world.teams.push({ id: team?.metadata?.id ?? "", roles: new Set([role]) });
      },
    };
  },
  updateTeam(world, actor, { a, b, c }) {
    const [team, one, two] = [pick(world.teams, a), pick(world.roles, b), pick(world.roles, c)];
    if (!team || !one || !two) return undefined;
    const roles = new Set(c % 3 === 0 ? [] : [one, two]);
    const owner = [...roles].some((role) => role.builtin === "owner");
    const entered = enteredBy(...membersOf(world, team));
    const [before, after] = [teamRights(team), teamRights({ ...team, roles })];
    const group = { before: reachOf(before, ...entered), after: reachOf(after, ...entered) };
    const effects = effectsOf(world, () => assign(team, { roles }));
    const evaluated = mayResult(actor, [...(after.length > 0 ? [group] : []), ...effects]);
    return {
      allowed: can(actor, "teams:manage") && !owner && (same(roles, team.roles) || evaluated),
      async run() {
        const spec = { roles: [...roles].map((role) => role.id) };
        await actor.by.teams.updateTeam({ id: team.id, spec, updateMask: { paths: ["spec.roles"] } });
        team.roles = roles;
      },
    };
  },
  deleteTeam(world, actor, { a, b, c }) {
    const [team, other] = [pick(world.teams, a), c % 2 ? pick(world.teams, b) : undefined];
    if (!team) return undefined;
    const robots = world.robots.filter((robot) => robot.team === team);
    const itself = robots.some((robot) => robot === actor.key?.robot);
    const move = () => {
      const undo = robots.map((robot) => assign(robot, { team: other ?? team }));
      return () => undo.forEach((one) => void one());
    };
    const moved = other && other !== team && mayResult(actor, effectsOf(world, move)) && !itself;
    return {
      allowed: can(actor, "teams:manage") && (robots.length === 0 || moved === true),
      async run() {
        await actor.by.teams.deleteTeam({ id: team.id, replacement: other?.id ?? "" });
        for (const robot of robots) robot.team = other ?? team;
        for (const person of world.people) person.teams.delete(team);
        world.teams = world.teams.filter((one) => one !== team);
      },
    };
  },
  addTeamMember: inTeam((team, person, actor, world) => ({
    allowed:
      can(actor, "teams:write") &&
      (person.teams.has(team) ||
        mayResult(actor, [
          { after: reachOf(teamRights(team), ...enteredBy([person], [])) },
          ...effectsOf(world, () => assign(person, { teams: new Set([...person.teams, team]) })),
        ])),
    async run() {
      await actor.by.teams.addTeamMember({ id: team.id, profileId: person.profileId });
      person.teams.add(team);
    },
  })),
  removeTeamMember: inTeam((team, person, actor) => ({
    allowed: can(actor, "teams:manage"),
    async run() {
      await actor.by.teams.removeTeamMember({ id: team.id, profileId: person.profileId });
      person.teams.delete(team);
    },
  })),
  setRole(world, actor, { a, b }) {
    const [person, role] = [pick(members(world), a), pick(world.roles, b)];
    if (!person || !role) return undefined;
    const owners = [role.builtin, person.role?.builtin].includes("owner");
    const held = (one: Role | undefined) => reachOf(one?.permissions ?? [], opensAll(one), person.grants);
    const effects = effectsOf(world, () => assign(person, { role }));
    const evaluated =
      (!owners || isOwner(actor)) &&
      !isLast(world, person) &&
      mayResult(actor, [{ before: held(person.role), after: held(role) }, ...effects]);
    return {
      allowed: can(actor, "profiles:manage") && (role === person.role || evaluated),
      async run() {
        await actor.by.profiles.setProfileRole({ id: person.profileId, role: role.id });
        person.role = role;
      },
    };
  },
  joinSignedIn(world, actor, { a, b }) {
    const person = pick(
      world.people.filter((one) => !one.role),
      a,
    );
    const role = pick(world.roles, b);
    if (!person || !role) return undefined;
    const ranked = role.builtin !== "owner" || isOwner(actor);
    return {
      allowed:
        can(actor, "invites:write") &&
        ranked &&
        mayResult(actor, [{ after: reachOf(role.permissions, opensAll(role)) }]),
      async run() {
        person.profileId = await joinSignedIn(actor.by, person.user, person.email, role.id);
        person.role = role;
      },
    };
  },
  leave(world, actor, { a, c }) {
    const person = c % 3 === 0 ? actor.person : pick(members(world), a);
    if (!person) return undefined;
    const owner = person.role?.builtin === "owner";
    return {
      allowed:
        (can(actor, "profiles:manage") || actor.person === person) &&
        (!owner || (isOwner(actor) && !isLast(world, person))),
      async run() {
        await actor.by.profiles.removeProfile({ id: person.profileId });
        for (const key of world.keys) if (key.person === person) key.revoked = true;
        Object.assign(person, { role: undefined, teams: new Set(), grants: new Set() });
      },
    };
  },
};

/** Whether an actor may call what needs this permission. */
export function can({ rights }: Actor, permission: string): boolean {
  return rights.permissions.has(permission);
}

/** Those who belong to the account now. */
export function members({ people }: World): Person[] {
  return people.filter((person) => person.role);
}

function inTeam(plan: (team: Team, person: Person, actor: Actor, world: World) => Plan): Command {
  return (world, actor, { a, b }) => {
    const [team, person] = [pick(world.teams, a), pick(members(world), b)];
    return team && person && plan(team, person, actor, world);
  };
}

function isOwner({ person }: Actor): boolean {
  return person?.role?.builtin === "owner";
}

function isLast(world: World, person: Person): boolean {
  const owners = members(world).filter(({ role }) => role?.builtin === "owner");
  return owners.length === 1 && owners[0] === person;
}
