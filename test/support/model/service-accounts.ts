import { newServiceAccount } from "../actors/actors.ts";
import { type Command, can, pick } from "./commands.ts";
import { teamRights } from "./model.ts";
import { assign, effectsOf, mayResult, reachOf } from "./reach.ts";

/** The commands that change service accounts. */
export const serviceAccountCommands: Record<string, Command> = {
  createRobot(world, actor, { a }) {
    const team = pick(world.teams, a);
    if (!team) return undefined;
    return {
      allowed:
        can(actor, "service_accounts:write") &&
        mayResult(actor, [{ after: reachOf(teamRights(team), true) }]),
      async run() {
        const made = await newServiceAccount(actor.by, `r${Math.random()}`, team.id);
        world.robots.push({ ...made, team });
      },
    };
  },
  moveRobot(world, actor, { a, b }) {
    const [robot, team] = [pick(world.robots, a), pick(world.teams, b)];
    if (!robot || !team) return undefined;
    const effects = effectsOf(world, () => assign(robot, { team }));
    const evaluated = actor.key?.robot !== robot && mayResult(actor, effects);
    return {
      allowed: can(actor, "service_accounts:write") && (team === robot.team || evaluated),
      async run() {
        const spec = { teamId: team.id };
        await actor.by.serviceAccounts.updateServiceAccount({ id: robot.id, spec });
        robot.team = team;
      },
    };
  },
  deleteRobot(world, actor, { a }) {
    const robot = pick(world.robots, a);
    if (!robot) return undefined;
    return {
      allowed: can(actor, "service_accounts:manage") && actor.key?.robot !== robot,
      async run() {
        await actor.by.serviceAccounts.deleteServiceAccount({ id: robot.id });
        for (const key of world.keys) if (key.robot === robot) key.revoked = true;
        world.robots = world.robots.filter((one) => one !== robot);
      },
    };
  },
};
