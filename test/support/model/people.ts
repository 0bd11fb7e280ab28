import { joinSignedIn } from "../actors/actors.ts";
import { type Command, can, members, type Plan, pick } from "./commands.ts";
import { type Actor, opensAll, type Person, type Role, type Team, teamRights, type World } from "./model.ts";
import { assign, effectsOf, enteredBy, mayResult, reachOf } from "./reach.ts";

/** The commands that change the members of the account and of its teams. */
export const peopleCommands: Record<string, Command> = {
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
  join(world, actor, { a, b }) {
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
