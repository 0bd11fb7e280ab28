import { type Command, can, lists, named, pick } from "./commands.ts";
import { type Role, teamRights } from "./model.ts";
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

/** The commands that change roles and teams. */
export const roleCommands: Record<string, Command> = {
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
};
