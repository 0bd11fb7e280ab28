import {
  type Actor,
  closure,
  type Key,
  keyRights,
  type Person,
  personRights,
  type Rights,
  type Robot,
  type Role,
  type Team,
  type Token,
  teamRights,
  type World,
  without,
} from "./model.ts";

/** What a principal reaches. `everywhere` means in every environment. All application keys of the model are live keys. */
export interface Reach extends Rights {
  everywhere: boolean;
}

/** A principal before and after a change. Without `before`, the change makes the principal. */
export interface Effect {
  before?: Reach;
  after: Reach;
}

/** Returns whether a change is allowed: each principal reaches no more than before, or no more than the actor reaches. */
export function mayResult({ rights, key }: Actor, effects: readonly Effect[]): boolean {
  const held = { ...rights, everywhere: key?.kind !== "application" };
  return effects.every(
    ({ before, after }) => (before !== undefined && within(after, before)) || within(after, held),
  );
}

function within(a: Reach, b: Reach): boolean {
  if (a.everywhere && !b.everywhere) return false;
  if (!b.all && (a.all || without(a.workspaces, b.workspaces).size > 0)) return false;
  return without(a.permissions, b.permissions).size === 0;
}

/** Returns what a list of permissions reaches, in every environment. */
export function reachOf(list: readonly string[], all = false, workspaces: Iterable<string> = []): Reach {
  return { permissions: closure(list), all, workspaces: new Set(workspaces), everywhere: true };
}

/** Returns what a member reaches. */
export function personReach(person: Person): Reach {
  return { ...personRights(person), everywhere: true };
}

/** Returns what a service account reaches. It may enter every workspace. */
export function robotReach({ team }: Robot): Reach {
  return reachOf(teamRights(team), true);
}

/** Returns what a key reaches now. */
export function keyReach(key: Key): Reach {
  return { ...keyRights(key), everywhere: key.kind !== "application" };
}

/** Returns the effects of a change on all members and service accounts. Makes the change in the model and undoes it. */
export function effectsOf(world: World, change: () => () => void): Effect[] {
  const reaches = () => [
    ...world.people.filter((person) => person.role).map(personReach),
    ...world.robots.map(robotReach),
  ];
  const before = reaches();
  const undo = change();
  const after = reaches();
  undo();
  return after.map((reach, index) => ({ ...(before[index] && { before: before[index] }), after: reach }));
}

/** Returns the workspaces that holders may enter: those of the people, and every workspace if there is a service account. */
export function enteredBy(people: readonly Person[], robots: readonly Robot[]): [boolean, Set<string>] {
  const rights = people.map(personRights);
  const all = robots.length > 0 || rights.some((one) => one.all);
  return [all, new Set(rights.flatMap((one) => [...one.workspaces]))];
}

/** Returns whether a key that acts gives an owned key no more than its own list and its own workspaces contain. */
export function withinOwnList({ key }: Actor, after: Key, before?: Key): boolean {
  if (!key || key.kind === "application" || after.kind === "application") return true;
  const [listed, earlier] = [listedReach(after), before && listedReach(before)];
  return (earlier !== undefined && within(listed, earlier)) || within(listed, listedReach(key));
}

function listedReach({ list, all, grants }: Key): Reach {
  return reachOf(list, all, all ? [] : grants);
}

/** Returns the actor that gives a grace period, with what it reaches now. */
export function graceBy({ person, key, rights }: Actor): Token["by"] {
  const profileId = person?.profileId ?? key?.profileId ?? "";
  return { ...(person && { person }), ...(key && { key }), profileId, reach: copyOf(rights) };
}

/**
 * Ends a grace period if its giver has ended, or if the giver's reach has changed and is less than that of the rotated key.
 * Call it after every change.
 */
export function endGraces({ keys }: World): void {
  for (const key of keys) {
    for (const token of key.tokens) {
      if (token.state !== "superseded" || !token.by) continue;
      const now = giverReach(token.by);
      if (now && sameRights(now, token.by.reach)) continue;
      if (now && within(keyReach(key), now)) token.by.reach = copyOf(now);
      else token.state = "ended";
    }
  }
}

function giverReach({ person, key, profileId }: NonNullable<Token["by"]>): Reach | undefined {
  if (person) return person.role && person.profileId === profileId ? personReach(person) : undefined;
  return key && !key.revoked && !key.disabled ? keyReach(key) : undefined;
}

// A copy is needed, because the set of a person's workspaces changes in place.
function copyOf({ permissions, all, workspaces }: Rights): Rights {
  return { permissions, all, workspaces: new Set(workspaces) };
}

function sameRights(a: Rights, b: Rights): boolean {
  return same(a.permissions, b.permissions) && a.all === b.all && (a.all || same(a.workspaces, b.workspaces));
}

/** Changes some fields. Returns a function that restores them. */
export function assign<T extends object>(target: T, fields: Partial<T>): () => void {
  const before = { ...target };
  Object.assign(target, fields);
  return () => void Object.assign(target, before);
}

/** Returns the effect on a future holder of a role or team. A list without permissions has no effect. */
export function someone(permissions: readonly string[]): Effect[] {
  return permissions.length > 0 ? [{ after: reachOf(permissions) }] : [];
}

/** Returns the members and service accounts of a team. */
export function membersOf(world: World, team: Team) {
  const people = current(world).filter((person) => person.teams.has(team));
  return [people, world.robots.filter((robot) => robot.team === team)] as const;
}

/** Returns the people and service accounts that hold a role, themselves or through a team. */
export function holdersOf(world: World, role: Role) {
  const has = (team: Team) => team.roles.has(role);
  const people = current(world).filter((one) => one.role === role || [...one.teams].some(has));
  return [people, world.robots.filter((robot) => has(robot.team))] as const;
}

/** Returns the effects of giving the holders of a role another role. */
export function replacementOf(
  world: World,
  role: Role,
  replacement: Role,
  replace: (by: Role) => () => void,
): Effect[] {
  const [people, robots] = holdersOf(world, role);
  const before = reachOf(role.permissions, ...enteredBy(people, robots));
  const undo = replace(replacement);
  const after = reachOf(replacement.permissions, ...enteredBy(people, robots));
  undo();
  return [{ before, after }, ...effectsOf(world, () => replace(replacement))];
}

/** Returns whether two sets are equal. */
export function same<T>(a: Set<T>, b: Set<T>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}

function current({ people }: World): Person[] {
  return people.filter((person) => person.role);
}
