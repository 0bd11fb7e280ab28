import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { newServiceAccount } from "../actors/actors.ts";
import { rotate } from "../actors/api-key.ts";
import { issueKey } from "../app.ts";
import { type Actor, type Key, teamRights } from "./model.ts";
import { type Command, can, lists, members, type Numbers, type Plan, pick } from "./people.ts";
import {
  assign,
  type Effect,
  effectsOf,
  graceBy,
  keyReach,
  mayResult,
  reachOf,
  withinOwnList,
} from "./reach.ts";

const kinds = {
  application: ApiKeyKind.APPLICATION,
  service: ApiKeyKind.SERVICE,
  developer: ApiKeyKind.DEVELOPER,
};
const kindNames = ["application", "service", "developer", "developer", "service"] as const;

/** Service accounts, keys, and who and what enters which workspace. */
export const keyCommands: Record<string, Command> = {
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
  createKey(world, actor, { a, b, c }) {
    const kind = pick(kindNames, a) ?? "application";
    const robot = kind === "service" ? pick(world.robots, b) : undefined;
    if (kind === "service" && !robot) return undefined;
    // A developer key is its own user's; whoever else asks for one has none to be.
    const person = kind === "developer" ? (actor.person ?? actor.key?.person) : undefined;
    const asked = pick(lists, c) ?? [];
    const all = b % 3 !== 0;
    const grants = all ? [] : world.workspaces.filter((_, index) => (c >> index) % 2);
    const profileId = robot?.profileId ?? person?.profileId ?? "";
    // At creation, an empty list of an owned key is everything.
    const list = kind !== "application" && asked.length === 0 ? ["*"] : asked;
    const draft: Key = {
      ...{ id: "", kind, profileId, ownProfile: "", list, all, grants: new Set(grants) },
      ...{ disabled: false, revoked: false, tokens: [] },
      ...(person && { person }),
      ...(robot && { robot }),
    };
    const may = can(actor, "api_keys:write") || (kind === "developer" && actor.person !== undefined);
    const owned = kind !== "developer" || person !== undefined;
    return {
      allowed:
        may &&
        owned &&
        mayResult(actor, [{ after: keyReach(draft) }, ...granting(draft, grants)]) &&
        withinOwnList(actor, draft),
      async run() {
        const workspaceScope = all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED;
        const spec = {
          kind: kinds[kind],
          permissions: asked,
          workspaceScope,
          serviceAccountId: robot?.id ?? "",
        };
        const made = await issueKey(actor.by, { spec, initialWorkspaceIds: grants });
        const ownProfile = made.info?.profileId ?? "";
        const tokens = [{ token: made.token, state: "current" as const }];
        world.keys.push({ ...draft, id: made.id, ownProfile, profileId: profileId || ownProfile, tokens });
      },
    };
  },
  listKey: withKey((key, actor, { b }) => {
    const list = pick(lists, b) ?? [];
    return {
      allowed: can(actor, "api_keys:write") && !key.revoked && mayChange(actor, key, { ...key, list }),
      async run() {
        const [spec, updateMask] = [{ permissions: list }, { paths: ["spec.permissions"] }];
        await actor.by.apiKeys.updateApiKey({ id: key.id, spec, updateMask });
        key.list = list;
      },
    };
  }),
  scopeKey: withKey((key, actor, { b }) => {
    const all = b % 2 === 0;
    return {
      allowed: can(actor, "api_keys:write") && !key.revoked && mayChange(actor, key, { ...key, all }),
      async run() {
        const workspaceScope = all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED;
        await actor.by.apiKeys.updateApiKey({ id: key.id, spec: { workspaceScope } });
        key.all = all;
      },
    };
  }),
  rotateKey: withKey((key, actor, { b }) => {
    const grace = b % 2 ? 60 : 0;
    const itself = actor.key === key;
    const own = (key.person && actor.person === key.person) || (itself && key.kind === "service");
    const theirs = key.kind !== "developer" || (actor.person ?? actor.key?.person) === key.person;
    const evaluated = mayRevive(actor, key);
    return {
      allowed:
        (can(actor, "api_keys:write") || own === true) &&
        theirs &&
        !key.revoked &&
        evaluated &&
        (!itself || grace >= 60),
      async run() {
        const token = await rotate(actor.by, key.id, grace);
        for (const one of key.tokens) {
          if (grace && one.state === "current") one.by = graceBy(actor);
          if (one.state !== "ended") one.state = grace ? "superseded" : "ended";
        }
        key.tokens.push({ token, state: "current" });
      },
    };
  }),
  switchKey: withKey((key, actor) => ({
    allowed: can(actor, "api_keys:manage") && !key.revoked && (!key.disabled || mayRevive(actor, key)),
    async run() {
      if (key.disabled) await actor.by.apiKeys.enableApiKey({ id: key.id });
      else await actor.by.apiKeys.disableApiKey({ id: key.id });
      key.disabled = !key.disabled;
    },
  })),
  revokeKey: withKey((key, actor) => {
    const own = key.person !== undefined && actor.person === key.person;
    const itself = actor.key === key && key.kind === "service";
    return {
      allowed: (can(actor, "api_keys:manage") || own) && !itself,
      async run() {
        await actor.by.apiKeys.revokeApiKey({ id: key.id });
        key.revoked = true;
      },
    };
  }),
  grantKey: withKey((key, actor, { b }, workspaceId) => ({
    allowed:
      can(actor, b % 2 ? "api_keys:write" : "workspaces:write") &&
      !key.revoked &&
      !key.all &&
      (key.grants.has(workspaceId) ||
        (mayResult(actor, granting(key, [workspaceId])) &&
          mayChange(actor, key, { ...key, grants: new Set([...key.grants, workspaceId]) }))),
    async run() {
      // Two ways, of which one goes by the key's profile.
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

function mayChange(actor: Actor, before: Key, after: Key): boolean {
  const effect = { before: keyReach(before), after: keyReach(after) };
  return mayResult(actor, [effect]) && withinOwnList(actor, after, before);
}

// Whoever rotates or enables a key makes it anew.
function mayRevive(actor: Actor, key: Key): boolean {
  return mayResult(actor, [{ after: keyReach(key) }]) && withinOwnList(actor, key);
}

// Workspaces are granted by those who enter them, also where the owner of the key does not.
function granting({ kind }: Key, workspaceIds: readonly string[]): Effect[] {
  const after = { ...reachOf([], false, workspaceIds), everywhere: kind !== "application" };
  return workspaceIds.length > 0 ? [{ after }] : [];
}

function withKey(plan: (key: Key, actor: Actor, numbers: Numbers, workspaceId: string) => Plan): Command {
  return (world, actor, numbers) => {
    // Now and then itself.
    const key = numbers.a % 4 === 0 && actor.key ? actor.key : pick(world.keys, numbers.a);
    const workspaceId = pick(world.workspaces, numbers.c);
    return key && workspaceId ? plan(key, actor, numbers, workspaceId) : undefined;
  };
}

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
