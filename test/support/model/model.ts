import type { Clients } from "../app.ts";

// The slow, obvious model of who may do what: written from the design, sharing nothing with the service. Every
// permission that can occur is in one list, and whatever somebody holds is the set of all that it implies.

export interface Role {
  id: string;
  permissions: string[];
  builtin: string;
}

export interface Team {
  id: string;
  roles: Set<Role>;
}

/** A user, and what they are in the account: nothing while `role` is undefined. */
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

/** A token of a key. While it is superseded: by whom, as whom, and what they reached when that was last compared. */
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
  /** Who acts. */
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

/** What somebody may do now: every permission of the list that they hold, and where. */
export interface Rights {
  permissions: Set<string>;
  all: boolean;
  workspaces: Set<string>;
}

const own = [
  "account",
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
  "*",
  ...ladder.map((verb) => `*:${verb}`),
  ...resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`)),
];

/** What design 5 says of one permission and another. */
function implies(held: string, wanted: string): boolean {
  if (held === "*" || held === wanted) return true;
  const [resource, verb] = held.split(":");
  const [wantedResource, wantedVerb] = wanted.split(":");
  if (wantedVerb === undefined) return false;
  const climbs = ladder.includes(wantedVerb) && ladder.indexOf(wantedVerb) <= ladder.indexOf(verb ?? "");
  // `*:write` covers the platform's resources; of our own it only reads.
  if (resource === "*") return climbs && (!own.includes(wantedResource ?? "") || wantedVerb === "read");
  return resource === wantedResource && (verb === "*" || climbs);
}

const closures = new Map<string, Set<string>>();

/** All that a list of permissions allows. */
export function closure(list: readonly string[]): Set<string> {
  const name = [...list].sort().join();
  const known = closures.get(name) ?? new Set(every.filter((one) => list.some((held) => implies(held, one))));
  closures.set(name, known);
  return known;
}

const written = new Map<string, string[]>();

/** A set as it is written: without what others in it imply, sorted. */
export function write(permissions: Set<string>): string[] {
  const name = [...permissions].join();
  const all = [...permissions];
  const known =
    written.get(name) ?? all.filter((one) => !all.some((by) => by !== one && implies(by, one))).sort();
  written.set(name, known);
  return known;
}

/** What is in both sets. */
export function both(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a].filter((one) => b.has(one)));
}

/** What is in the first set only. */
export function without(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a].filter((one) => !b.has(one)));
}

/** What a team may do. */
export function teamRights(team: Team): string[] {
  return [...team.roles].flatMap((role) => role.permissions);
}

/** Whether a role opens every workspace: owners and admins enter all. */
export function opensAll(role: Role | undefined): boolean {
  return role?.builtin === "owner" || role?.builtin === "admin";
}

/** A person holds their role plus those of their teams. */
export function personRights({ role, teams, grants }: Person): Rights {
  const permissions = closure(role ? [...role.permissions, ...[...teams].flatMap(teamRights)] : []);
  return { permissions, all: opensAll(role), workspaces: grants };
}

/** A key's own list, where somebody owns it narrowed by what they may do now; workspaces likewise. */
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

/** Whoever calls. */
export interface Actor {
  by: Clients;
  rights: Rights;
  person?: Person;
  key?: Key;
}

/** Everybody who can act: members by their sessions, and keys by their newest tokens. */
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
