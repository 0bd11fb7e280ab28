import type { Random } from "./random.ts";

export const workspaces = ["A", "B", "C"];

/** The id of a role that a later step may create. */
const laterRole = "role30";

/** The permission sets of roles and keys. They let a caller continue, or are what it wants to gain. */
export const lists = [
  ["agents:read"],
  ["agents:write"],
  ["runs:start"],
  ["agents:read", "runs:start"],
  ["*:read"],
  ["*:write"],
  ["api_keys:write"],
  ["api_keys:manage", "agents:read"],
  ["api_keys:write", "runs:start", "agents:read"],
  ["roles:manage", "teams:manage"],
  ["profiles:manage", "invites:write", "workspaces:manage"],
  ["service_accounts:manage", "api_keys:manage"],
  ["agents:*"],
  ["*:start"],
  ["*:*"],
  ["*:*", "*:read"],
  ["*:*", "api_keys:write"],
  ["accounts:act", "agents:read"],
  ["*"],
  [],
];

/** The counters of keys with limits. */
export const counters = ["counter1", "counter2"];

/** The lists of platform keys. Permissions on accounts count only in the platform account. */
const platformLists = [
  ["accounts:act", "accounts:manage", "api_keys:write", "agents:read"],
  ["accounts:act", "roles:manage", "teams:manage", "service_accounts:manage", "*:start"],
  ["accounts:*", "*:*", "api_keys:manage", "invites:write", "profiles:manage"],
  ["*"],
];

export type Role = { permissions: readonly string[]; allWorkspaces: boolean };
export interface Person {
  /** Null for a guest. */
  roleId: string | null;
  teamIds: string[];
  workspaces: string[];
  /** Set for a person with an external identity. */
  external?: ExternalIdentity;
}

/** A person whose external issuer may claim roles. */
export interface ExternalIdentity {
  /** The roles that each of several tokens claims. A role may be created later. */
  tokens: string[][];
  /** Whether the account removed the person. Then no claim counts. */
  removed: boolean;
}

export type Environment = "test" | "live" | null;

/** A key. `owner` is the id of a person or of a service account. */
export interface Key {
  kind: "application" | "service" | "developer";
  owner: string | null;
  list: readonly string[];
  all: boolean;
  grants: string[];
  environment: Environment;
  /** The end in hours, or null for none. */
  end: number | null;
  /** The counters that it draws on, or null if nothing limits it. */
  limitedBy: string | null;
  disabled: boolean;
}

export type Invite = { roleId: string; workspaces: string[]; by: string };

/** A key of the platform account that acts for the account, in all workspaces. */
export type PlatformKey = Pick<Key, "list" | "environment" | "end" | "limitedBy">;

/** An account as plain sets. Every item has an id. */
export interface Organisation {
  roles: Map<string, Role>;
  teams: Map<string, string[]>;
  people: Map<string, Person>;
  /** Service accounts, each with its team. */
  robots: Map<string, string>;
  keys: Map<string, Key>;
  platformKeys: Map<string, PlatformKey>;
  invites: Map<string, Invite>;
  /** The role that limits the claims. It may be created later. */
  most: string;
  made: number;
}

/** Returns a new id. */
export function newId(organisation: Organisation, kind: string): string {
  organisation.made += 1;
  return `${kind}${organisation.made}`;
}

/** Creates a random organisation with a few items of every kind. */
export function newOrganisation(random: Random): Organisation {
  const made: Organisation = {
    roles: new Map([["admin", { permissions: ["*"], allWorkspaces: true }]]),
    teams: new Map(),
    people: new Map(),
    robots: new Map(),
    keys: new Map(),
    platformKeys: new Map(),
    invites: new Map(),
    most: random.pick(["admin", "role1", "role2", "role2", laterRole]),
    made: 0,
  };
  for (let n = 0; n < 5; n++) {
    made.roles.set(newId(made, "role"), { permissions: random.pick(lists), allWorkspaces: false });
  }
  const roles = () => [...made.roles.keys()];
  for (let n = 0; n < 3; n++) made.teams.set(newId(made, "team"), random.some(roles(), 0.25));
  const teams = [...made.teams.keys()];
  for (let n = 0; n < 4; n++) {
    const teamIds = random.some(teams, 0.3);
    made.people.set(newId(made, "person"), {
      roleId: random.pick(roles()),
      teamIds,
      workspaces: random.some(workspaces),
    });
  }
  for (let n = 0; n < 3; n++) made.people.set(newId(made, "external"), newExternalUser(made, random));
  for (let n = 0; n < 2; n++) made.robots.set(newId(made, "robot"), random.pick(teams));
  for (let n = 0; n < 8; n++) made.keys.set(newId(made, "key"), newKey(made, random));
  for (let n = 0; n < 2; n++) made.platformKeys.set(newId(made, "platform"), newPlatformKey(random));
  return made;
}

// Creates a guest or a member with an external identity.
function newExternalUser({ roles, teams }: Organisation, random: Random): Person {
  const claimable = [...roles.keys(), laterRole];
  const external = {
    tokens: [claimable, random.some(claimable, 0.3), [random.pick(claimable)]],
    removed: random.chance(0.15),
  };
  const guest = external.removed || random.chance(0.5);
  return {
    roleId: guest ? null : random.pick([...roles.keys()]),
    teamIds: guest ? [] : random.some([...teams.keys()], 0.2),
    workspaces: external.removed ? [] : random.some(workspaces, 0.3),
    external,
  };
}

function newPlatformKey(random: Random): PlatformKey {
  return {
    list: random.pick(platformLists),
    environment: random.pick([null, null, "test", "live"]),
    end: random.chance(0.6) ? null : random.pick([1, 2, 3]),
    limitedBy: random.chance(0.7) ? null : "platform-counter",
  };
}

/** Returns the ids of the people who are members. */
export function membersOf({ people }: Organisation): string[] {
  return [...people].flatMap(([id, { roleId }]) => (roleId === null ? [] : [id]));
}

/** Creates a random key of an owner or of the account. */
export function newKey(at: Organisation, random: Random): Key {
  const kind = random.pick(["application", "application", "service", "developer"] as const);
  const owners = { application: [null], service: [...at.robots.keys()], developer: membersOf(at) };
  const all = random.chance(kind === "application" ? 0.2 : 0.6);
  return {
    kind,
    owner: random.pick<string | null>(owners[kind]),
    list: kind === "application" || random.chance(0.5) ? random.pick(lists) : ["*"],
    all,
    grants: all ? [] : random.some(workspaces),
    environment: kind === "application" ? random.pick(["test", "live"]) : null,
    end: random.chance(0.6) ? null : random.pick([1, 2, 3]),
    limitedBy: random.chance(0.6) ? null : random.pick(counters),
    disabled: random.chance(0.15),
  };
}
