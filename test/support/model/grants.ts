import { type Command, can, members, type Plan, pick } from "./commands.ts";
import { granting, mayChange, withKey } from "./key-change.ts";
import type { Actor } from "./model.ts";
import { assign, effectsOf, mayResult, reachOf } from "./reach.ts";

/** The commands that grant workspaces to keys and people. */
export const grantCommands: Record<string, Command> = {
  grantKey: withKey((key, actor, { b }, workspaceId) => ({
    allowed:
      can(actor, b % 2 ? "api_keys:write" : "workspaces:write") &&
      !key.revoked &&
      !key.all &&
      (key.grants.has(workspaceId) ||
        (mayResult(actor, granting(key, [workspaceId])) &&
          mayChange(actor, key, { ...key, grants: new Set([...key.grants, workspaceId]) }))),
    async run() {
      // There are two ways. One of them names the profile of the key.
      const { apiKey } = b % 2 ? await actor.by.apiKeys.addApiKeyWorkspace({ id: key.id, workspaceId }) : {};
      if (!apiKey)
        await actor.by.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: key.ownProfile });
      key.grants.add(workspaceId);
    },
  })),
  ungrantKey: withKey((key, actor, _, workspaceId) => ({
    allowed: can(actor, "api_keys:manage"),
    async run() {
      await actor.by.apiKeys.removeApiKeyWorkspace({ id: key.id, workspaceId });
      key.grants.delete(workspaceId);
    },
  })),
  grantPerson: grantPerson((person, workspaceId, actor, world) => ({
    allowed:
      can(actor, "workspaces:write") &&
      (person.grants.has(workspaceId) ||
        mayResult(actor, [
          { after: reachOf([], false, [workspaceId]) },
          ...effectsOf(world, () => assign(person, { grants: new Set([...person.grants, workspaceId]) })),
        ])),
    async run() {
      await actor.by.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: person.profileId });
      person.grants.add(workspaceId);
    },
  })),
  ungrantPerson: grantPerson((person, workspaceId, actor) => ({
    allowed: can(actor, "workspaces:manage"),
    async run() {
      await actor.by.workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId: person.profileId });
      person.grants.delete(workspaceId);
    },
  })),
};

function grantPerson(
  plan: (
    person: ReturnType<typeof members>[number],
    workspaceId: string,
    actor: Actor,
    world: Parameters<Command>[0],
  ) => Plan,
): Command {
  return (world, actor, { a, b }) => {
    const [person, workspaceId] = [pick(members(world), a), pick(world.workspaces, b)];
    return person && workspaceId ? plan(person, workspaceId, actor, world) : undefined;
  };
}
