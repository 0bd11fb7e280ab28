import type { Clients } from "../app.ts";

// A simple and slow model of authority. It is written from the design and shares no code with the service. All permissions
// that can occur are in one list. What a principal holds is the set of all permissions that are implied.

export interface Role {
  id: string;
  permissions: string[];
  builtin: string;
}

export interface Team {
  id: string;
  roles: Set<Role>;
}

/** A user, and the user's membership in the account. While `role` is undefined, the user is not a member. */
export interface Person {
  user: Clients;
  member: Clients;
  email: string;
  profileId: string;
  role: Role | undefined;
  teams: Set<Team>;
  grants: Set<string>;
}

/** A service account. */
export interface Robot {
  id: string;
  profileId: string;
  team: Team;
}

/**
 * A token of a key. If it is superseded, `by` is the actor that rotated the key, the profile that acted, and what the actor
 * reached at the last comparison.
 */
export interface Token {
  token: string;
  state: "current" | "superseded" | "ended";
  by?: { person?: Person; key?: Key; profileId: string; reach: Rights };
}

export interface Key {
  id: string;
  kind: "application" | "service" | "developer";
  person?: Person;
  robot?: Robot;
  /** The profile that acts with the key. */
  profileId: string;
  /** The profile to which workspaces are granted. */
  ownProfile: string;
  list: string[];
  all: boolean;
  grants: Set<string>;
  disabled: boolean;
  revoked: boolean;
  tokens: Token[];
}

export interface World {
  accountId: string;
  workspaces: string[];
  people: Person[];
  roles: Role[];
  teams: Team[];
  robots: Robot[];
  keys: Key[];
}

/** What a principal may do now: every permission that it holds, and the workspaces that it may enter. */
export interface Rights {
  permissions: Set<string>;
  all: boolean;
  workspaces: Set<string>;
}

const own = [
  "account",
  "accounts",
  "api_keys",
  "invites",
  "profiles",
  "roles",
  "service_accounts",
  "teams",
  "workspaces",
];
const ladder = ["read", "write", "manage"];
const verbs = [...ladder, "start", "*"];
const resources = ["agents", "runs", ...own];
const every = [
  ...["*", "*:*", "*:start", "accounts:act"],
  ...ladder.map((verb) => `platform.*:${verb}`),
  ...ladder.map((verb) => `*:${verb}`),
  ...resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`)),
];

/** Returns whether one permission implies another, as section 5 of the design says. */
function implies(held: string, wanted: string): boolean {
  if (held === "*" || held === wanted) return true;
  const [resource, verb] = held.split(":");
  const [wantedResource, wantedVerb] = wanted.split(":");
  if (wantedVerb === undefined) return false;
  const climbs = ladder.includes(wantedVerb) && ladder.indexOf(wantedVerb) <= ladder.indexOf(verb ?? "");
  const ofPlatform = !own.includes(wantedResource ?? "") && wantedResource !== "*";
  if (resource === "*" && verb === "*") return ofPlatform || wanted === "*:start";
  if (held === "*:start") return ofPlatform && wantedVerb === "start";
  if (resource === "platform.*") return climbs && ofPlatform;
  // `*:write` covers the platform's resources. For Latchkey's own resources, only `*:read` counts.
  if (resource === "*") return climbs && (!own.includes(wantedResource ?? "") || wantedVerb === "read");
  return resource === wantedResource && (verb === "*" || climbs);
}

const closures = new Map<string, Set<string>>();

/** Returns every permission that a list implies. */
export function closure(list: readonly string[]): Set<string> {
  const name = [...list].sort().join();
  const known = closures.get(name) ?? new Set(every.filter((one) => list.some((held) => implies(held, one))));
  closures.set(name, known);
  return known;
}

const written = new Map<string, string[]>();

/** Returns a set as the service stores it: sorted, and without implied permissions. */
export function write(permissions: Set<string>): string[] {
  const name = [...permissions].join();
  const all = [...permissions];
  const known =
    written.get(name) ?? all.filter((one) => !all.some((by) => by !== one && implies(by, one))).sort();
  written.set(name, known);
  return known;
}

/** Returns the items of both sets. */
export function both(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a].filter((one) => b.has(one)));
}

/** Returns the items that are only in the first set. */
export function without(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a].filter((one) => !b.has(one)));
}

/** Returns the permissions of a team. */
export function teamRights(team: Team): string[] {
  return [...team.roles].flatMap((role) => role.permissions);
}

/** Returns whether a role opens every workspace. The roles of owners and admins do. */
export function opensAll(role: Role | undefined): boolean {
  return role?.builtin === "owner" || role?.builtin === "admin";
}

/** Returns the rights of a person: those of the person's role and of the person's teams. */
export function personRights({ role, teams, grants }: Person): Rights {
  const permissions = closure(role ? [...role.permissions, ...[...teams].flatMap(teamRights)] : []);
  return { permissions, all: opensAll(role), workspaces: grants };
}

/** Returns the rights of a key: its own list and workspaces, narrowed by what its owner may do now, if it has an owner. */
export function keyRights({ person, robot, list, all, grants }: Key): Rights {
  if (person) {
    const theirs = personRights(person);
    const shared = [...grants].filter((id) => theirs.all || theirs.workspaces.has(id));
    return {
      permissions: both(closure(list), theirs.permissions),
      all: all && theirs.all,
      workspaces: all ? theirs.workspaces : new Set(shared),
    };
  }
  const permissions = robot ? both(closure(list), closure(teamRights(robot.team))) : closure(list);
  return { permissions, all, workspaces: grants };
}

/** A caller. */
export interface Actor {
  by: Clients;
  rights: Rights;
  person?: Person;
  key?: Key;
}

/** Returns every possible caller: members with their sessions, and keys with their newest tokens. */
export function actors(world: World, clientAs: (token: string) => Clients): Actor[] {
  const sessions = world.people
    .filter((person) => person.role)
    .map((person) => ({ by: person.member, rights: personRights(person), person }));
  const keys = world.keys.flatMap((key) => {
    const current = key.tokens.find(({ state }) => state === "current");
    if (!current || key.revoked || key.disabled) return [];
    return [{ by: clientAs(current.token), rights: keyRights(key), key }];
  });
  return [...sessions, ...keys];
}
