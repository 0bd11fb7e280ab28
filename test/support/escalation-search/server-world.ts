import { ApiKeyKind, Environment, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { newPlatformServiceKey } from "../actors/acting.ts";
import { newRole, newServiceAccount, newTeam } from "../actors/actors.ts";
import { inSeconds } from "../actors/api-key.ts";
import { issueKey, newWorkspace, type Owner, type TestApp } from "../app.ts";
import type { Random } from "./random.ts";
import { type Candidate, type ExternalUser, join } from "./server-people.ts";

/** The server to search, with the parts of a test app. */
export type SearchedApp = Pick<TestApp, "clientAs" | "newAccount" | "platformToken">;

/** Creates the token of a new external identity that claims roles. */
export type NewExternalUser = (claims: { sub: string; role: string }) => Promise<string>;

/** A key that the search knows, with its newest token. */
export interface KnownKey {
  id: string;
  token: string;
  profileId: string;
}

/** The account to search in, and its current content. All fields have ids, except people and keys. */
export interface World {
  app: SearchedApp;
  owner: Owner;
  accountId: string;
  workspaces: string[];
  roles: string[];
  teams: string[];
  robots: { id: string; profileId: string }[];
  people: Candidate[];
  externalUsers: ExternalUser[];
  newExternalUser: NewExternalUser | undefined;
  keys: KnownKey[];
  /** A key of the platform account that acts for the account. It is the weak principal of some organisations. */
  platformKey: { id: string; token: string } | undefined;
  /** What the weak principal reaches. The search uses it to choose steps of which enough are allowed. */
  within: { permissions: string[]; workspaces: string[] };
}

const workspaceCount = 3;
const peopleCount = 5;
const managing = ["api_keys", "invites", "profiles", "roles", "service_accounts", "teams", "workspaces"];
const named = ["agents:read", "agents:write", "runs:start", "logs:read", "accounts:act"];
const platform = [...named, "agents:*", "*:start", "*:*"];

/** Creates an account with workspaces, and people outside it who can be invited. */
export async function newWorld(app: SearchedApp, newExternalUser?: NewExternalUser): Promise<World> {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  const people: Candidate[] = [];
  for (let n = 0; n < peopleCount; n++) {
    const user = await app.newAccount();
    people.push({ user, member: app.clientAs(user.token, { "latchkey-account": accountId }), profileId: "" });
  }
  const workspaces: string[] = [];
  for (let n = 0; n < workspaceCount; n++) workspaces.push(await newWorkspace(owner));
  return {
    app,
    owner,
    accountId,
    workspaces,
    roles: [],
    teams: [],
    robots: [],
    people,
    externalUsers: [],
    newExternalUser,
    keys: [],
    platformKey: undefined,
    within: { permissions: [], workspaces: [] },
  };
}

/** Returns permissions: nearly all that a caller needs to continue, and some that it wants to gain. */
export function somePermissions(random: Random): string[] {
  const own = managing.map((one) => `${one}:${random.pick(["write", "manage"])}`);
  return [...random.some(own, 0.85), ...random.some(platform, 0.4)];
}

// Returns permissions for the weak principal: all that it needs to continue, and some that it wants to gain.
function managingPermissions(random: Random): string[] {
  return [...managing.map((one) => `${one}:manage`), ...random.some(platform, 0.6)];
}

/** Returns permissions for a step, mostly some that the weak principal has and that may be allowed. */
export function chosenPermissions({ within }: World, random: Random): string[] {
  return random.chance(0.7) ? random.some(within.permissions, 0.7) : somePermissions(random);
}

/** Returns workspaces for a step in the same way. */
export function chosenWorkspaces({ within, workspaces }: World, random: Random): string[] {
  return random.some(random.chance(0.7) ? within.workspaces : workspaces);
}

/**
 * Fills the account again, as its owner. Returns the id of the weak principal that starts: a person or a key, or a platform
 * key that acts for the account.
 */
export async function fill(world: World, random: Random, byPlatform: boolean): Promise<string> {
  const { owner } = world;
  await empty(world);
  for (let n = 0; n < 4; n++) {
    const permissions = n === 0 ? managingPermissions(random) : random.some(platform);
    world.roles.push(await newRole(owner, unique(), ...permissions));
  }
  for (let n = 0; n < 3; n++) {
    const roles = n === 0 ? world.roles.slice(0, 1) : random.some(world.roles, 0.4);
    world.teams.push(await newTeam(owner, unique(), ...roles));
  }
  for (let n = 0; n < 2; n++) {
    const team = n === 0 ? world.teams[0] : undefined;
    const robot = await newServiceAccount(owner, unique(), team ?? random.pick(world.teams));
    world.robots.push(robot);
    // This key shows what the service account reaches.
    const spec = { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
    world.keys.push(known(await issueKey(owner, { spec })));
  }
  for (const [index, person] of world.people.slice(0, 3).entries()) {
    const role = index === 0 ? world.roles[0] : undefined;
    await join(owner, person, role ?? random.pick(world.roles), random.some(world.workspaces));
  }
  for (const role of ["developer", "viewer"]) await addExternalUser(world, random, role);
  for (let n = 0; n < 4; n++) {
    const permissions = random.chance(0.5) ? somePermissions(random) : random.some(platform);
    world.keys.push(
      known(await issueKey(owner, randomKey(world, random, ApiKeyKind.APPLICATION, permissions))),
    );
  }
  return byPlatform ? addPlatformKey(world, random) : firstOf(world, random);
}

async function addPlatformKey(world: World, random: Random): Promise<string> {
  const onAccounts = ["accounts:act", ...random.some(["accounts:manage"])];
  world.platformKey = await newPlatformServiceKey(world.app, [...onAccounts, ...managingPermissions(random)]);
  return world.platformKey.id;
}

// Deletes the roles of an earlier organisation. They have no holders, and roles are bounded.
async function empty(world: World): Promise<void> {
  const { owner, people, externalUsers, robots, teams, roles } = world;
  for (const { profileId } of externalUsers) await owner.profiles.removeProfile({ id: profileId });
  for (const person of people) {
    if (person.profileId !== "") await owner.profiles.removeProfile({ id: person.profileId });
    person.profileId = "";
  }
  // A person may have failed to accept an invite.
  for (const { metadata } of (await owner.invites.listInvites({})).items) {
    await owner.invites.revokeInvite({ id: metadata?.id ?? "" });
  }
  for (const { id } of robots) await owner.serviceAccounts.deleteServiceAccount({ id });
  for (const id of teams) await owner.teams.deleteTeam({ id });
  for (const id of roles) await owner.roles.deleteRole({ id });
  Object.assign(world, {
    roles: [],
    teams: [],
    robots: [],
    keys: [],
    externalUsers: [],
    platformKey: undefined,
  });
}

// Adds a guest, sometimes with workspaces.
async function addExternalUser(world: World, random: Random, role: string): Promise<void> {
  const { app, owner, accountId, newExternalUser } = world;
  if (!newExternalUser) return;
  const id = unique();
  const token = await newExternalUser({ sub: id, role });
  const as = app.clientAs(token, { "latchkey-account": accountId });
  const profileId = (await as.profiles.whoAmI({})).profile?.metadata?.id ?? "";
  for (const workspaceId of random.some(world.workspaces, 0.3)) {
    await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });
  }
  world.externalUsers.push({ id, token, as, profileId });
}

async function firstOf(world: World, random: Random): Promise<string> {
  const { APPLICATION, SERVICE, DEVELOPER } = ApiKeyKind;
  const kind = random.pick([undefined, APPLICATION, SERVICE, SERVICE, DEVELOPER]);
  const [person, robot] = [world.people[0], world.robots[0]];
  if (!person || !robot) throw new Error("the account has no person or no service account");
  if (kind === undefined) return person.profileId;
  const minter = kind === DEVELOPER ? person.member : world.owner;
  const permissions = kind === APPLICATION || random.chance(0.5) ? managingPermissions(random) : [];
  const made = randomKey(world, random, kind, permissions, kind === DEVELOPER ? person : undefined);
  const spec = { ...made.spec, ...(kind === SERVICE && { serviceAccountId: robot.id }) };
  const key = known(await issueKey(minter, { ...made, spec }));
  world.keys.push(key);
  return key.id;
}

/** Creates a random key of a kind. A developer key of `person` gets only workspaces that the person may enter. */
export function randomKey(
  world: World,
  random: Random,
  kind: ApiKeyKind,
  permissions: string[],
  person?: Candidate,
) {
  const application = kind === ApiKeyKind.APPLICATION;
  const all = random.chance(application ? 0.2 : 0.5);
  const environment = random.pick([Environment.TEST, Environment.LIVE]);
  const spec = {
    kind,
    permissions,
    workspaceScope: all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED,
    ...(application && { environment }),
    ...(kind === ApiKeyKind.SERVICE && { serviceAccountId: random.pick(world.robots).id }),
    ...(random.chance(0.4) && { expiresAt: inSeconds(3600 * (1 + random.below(3))) }),
  };
  return { spec, initialWorkspaceIds: all || person ? [] : chosenWorkspaces(world, random) };
}

/** Returns a key as the search knows it. */
export function known(key: Awaited<ReturnType<typeof issueKey>>): KnownKey {
  return { id: key.id, token: key.token, profileId: key.info?.profileId ?? "" };
}

/** Returns a new name. */
export function unique(): string {
  return crypto.randomUUID();
}
