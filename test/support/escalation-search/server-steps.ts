import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { newRole, newServiceAccount, newTeam } from "../actors/actors.ts";
import { inSeconds, rotate } from "../actors/api-key.ts";
import { type Clients, issueKey } from "../app.ts";
import type { Random } from "./random.ts";
import { join, joinExternalUser } from "./server-people.ts";
import {
  chosenPermissions,
  chosenWorkspaces,
  type KnownKey,
  known,
  randomKey,
  unique,
  type World,
} from "./server-world.ts";

/**
 * Makes a change as a caller. Returns the id of the credential that the caller gains, if any. Throws if the change is
 * refused.
 */
type Step = (world: World, random: Random, by: Clients) => Promise<string | undefined>;

const { APPLICATION, SERVICE, DEVELOPER } = ApiKeyKind;

/** Every kind of change, by its name. */
export const serverSteps: Record<string, Step> = {
  async mintKey(world, random, by) {
    const kind = random.pick([APPLICATION, APPLICATION, SERVICE, DEVELOPER]);
    const permissions = kind !== APPLICATION && random.chance(0.3) ? [] : chosenPermissions(world, random);
    const key = known(await issueKey(by, randomKey(world, random, kind, permissions)));
    world.keys.push(key);
    return key.id;
  },
  updateKey: withKey(async (world, random, by, { id }) => {
    const update = random.pick([
      { spec: { permissions: chosenPermissions(world, random) } },
      { spec: { workspaceScope: random.pick([WorkspaceScope.ALL, WorkspaceScope.SELECTED]) } },
      { spec: { expiresAt: inSeconds(3600 * (1 + random.below(4))) } },
      { updateMask: { paths: ["spec.expires_at"] } },
    ]);
    await by.apiKeys.updateApiKey({ id, ...update });
  }),
  grantKey: withKey(async (world, random, by, { id, profileId }) => {
    const workspaceId = oneWorkspace(world, random);
    if (random.chance(0.5)) await by.apiKeys.addApiKeyWorkspace({ id, workspaceId });
    else await by.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });
  }),
  rotateKey: withKey(async (_world, _random, by, key) => {
    key.token = await rotate(by, key.id, 60);
    return key.id;
  }),
  disableKey: withKey(async (_world, _random, by, { id }) => by.apiKeys.disableApiKey({ id })),
  enableKey: withKey(async (_world, _random, by, { id }) => by.apiKeys.enableApiKey({ id })),
  async createRole(world, random, by) {
    world.roles.push(await newRole(by, unique(), ...chosenPermissions(world, random)));
    return undefined;
  },
  async updateRole(world, random, by) {
    await by.roles.updateRole({
      id: random.pick(world.roles),
      spec: { permissions: chosenPermissions(world, random) },
    });
    return undefined;
  },
  async replaceRole(world, random, by) {
    const [id, replacement] = [random.pick(world.roles), random.pick([...world.roles, "admin"])];
    if (world.roles.length < 4) return undefined;
    await by.roles.deleteRole({ id, replacement });
    world.roles = world.roles.filter((one) => one !== id);
    return undefined;
  },
  async createTeam(world, random, by) {
    world.teams.push(await newTeam(by, unique(), ...random.some(world.roles, 0.3)));
    return undefined;
  },
  async updateTeam({ teams, roles }, random, by) {
    const spec = { roles: random.some([...roles, "admin"], 0.3) };
    await by.teams.updateTeam({ id: random.pick(teams), spec, updateMask: { paths: ["spec.roles"] } });
    return undefined;
  },
  async replaceTeam(world, random, by) {
    const [id, replacement] = [random.pick(world.teams), random.pick(world.teams)];
    if (world.teams.length < 3) return undefined;
    await by.teams.deleteTeam({ id, replacement });
    world.teams = world.teams.filter((one) => one !== id);
    return undefined;
  },
  async joinTeam(world, random, by) {
    await by.teams.addTeamMember({ id: random.pick(world.teams), profileId: memberOf(world, random) });
    return undefined;
  },
  async makeRobot(world, random, by) {
    world.robots.push(await newServiceAccount(by, unique(), random.pick(world.teams)));
    return undefined;
  },
  async moveRobot({ robots, teams }, random, by) {
    const spec = { teamId: random.pick(teams) };
    await by.serviceAccounts.updateServiceAccount({ id: random.pick(robots).id, spec });
    return undefined;
  },
  async setRole(world, random, by) {
    const role = random.pick([...world.roles, "admin"]);
    await by.profiles.setProfileRole({ id: memberOf(world, random), role });
    return undefined;
  },
  async grantPerson(world, random, by) {
    const profileId = random.chance(0.8) ? memberOf(world, random) : random.pick(world.robots).profileId;
    await by.workspaceAdmin.addWorkspaceMember({ workspaceId: oneWorkspace(world, random), profileId });
    return undefined;
  },
  async invite(world, random, by) {
    const person = world.people.find(({ profileId }) => profileId === "");
    if (!person) return undefined;
    await join(by, person, random.pick([...world.roles, "admin"]), chosenWorkspaces(world, random));
    return person.profileId;
  },
  async inviteExternalUser(world, random, by) {
    if (world.externalUsers.length === 0) return undefined;
    const role = random.pick(world.roles);
    await joinExternalUser(by, random.pick(world.externalUsers), role, chosenWorkspaces(world, random));
    // The actor does not control what an issuer claims for a person.
    return undefined;
  },
};

function withKey(step: (world: World, random: Random, by: Clients, key: KnownKey) => Promise<unknown>): Step {
  return async (world, random, by) => {
    const joined = await step(world, random, by, random.pick(world.keys));
    return typeof joined === "string" ? joined : undefined;
  };
}

function oneWorkspace(world: World, random: Random): string {
  return chosenWorkspaces(world, random)[0] ?? random.pick(world.workspaces);
}

function memberOf({ people, externalUsers }: World, random: Random): string {
  return random.pick([...people.filter(({ profileId }) => profileId !== ""), ...externalUsers]).profileId;
}
