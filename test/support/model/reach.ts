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

/** What somebody reaches; `everywhere`: in every environment. The model's application keys are all live ones. */
export interface Reach extends Rights {
  everywhere: boolean;
}

/** Somebody before and after a change; no `before`: they are made by it. */
export interface Effect {
  before?: Reach;
  after: Reach;
}

/** Nobody may end up with more than before, unless with no more than the actor reaches. */
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

/** What a list of permissions reaches in every environment. */
export function reachOf(list: readonly string[], all = false, workspaces: Iterable<string> = []): Reach {
  return { permissions: closure(list), all, workspaces: new Set(workspaces), everywhere: true };
}

/** What a member reaches. */
export function personReach(person: Person): Reach {
  return { ...personRights(person), everywhere: true };
}

/** What a service account reaches: every workspace. */
export function robotReach({ team }: Robot): Reach {
  return reachOf(teamRights(team), true);
}

/** What a key reaches now. */
export function keyReach(key: Key): Reach {
  return { ...keyRights(key), everywhere: key.kind !== "application" };
}

/** All members and service accounts before and after a change of the model, which is undone at the end. */
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

/** The workspaces of all who hold something: those people, and if there is any such service account every one. */
export function enteredBy(people: readonly Person[], robots: readonly Robot[]): [boolean, Set<string>] {
  const rights = people.map(personRights);
  const all = robots.length > 0 || rights.some((one) => one.all);
  return [all, new Set(rights.flatMap((one) => [...one.workspaces]))];
}

/** A key gives keys that somebody owns nothing that its own list, or its own choice of workspaces, leaves out. */
export function withinOwnList({ key }: Actor, after: Key, before?: Key): boolean {
  if (!key || key.kind === "application" || after.kind === "application") return true;
  const [listed, earlier] = [listedReach(after), before && listedReach(before)];
  return (earlier !== undefined && within(listed, earlier)) || within(listed, listedReach(key));
}

function listedReach({ list, all, grants }: Key): Reach {
  return reachOf(list, all, all ? [] : grants);
}

/** Whoever gives a grace period, and what they reach now. */
export function graceBy({ person, key, rights }: Actor): Token["by"] {
  const profileId = person?.profileId ?? key?.profileId ?? "";
  return { ...(person && { person }), ...(key && { key }), profileId, reach: copyOf(rights) };
}

/**
 * Ends the grace periods whose giver has ended, or reaches something else by now and less than the rotated key. After
 * every change.
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

// The workspaces of a person are one set, which changes.
function copyOf({ permissions, all, workspaces }: Rights): Rights {
  return { permissions, all, workspaces: new Set(workspaces) };
}

function sameRights(a: Rights, b: Rights): boolean {
  return same(a.permissions, b.permissions) && a.all === b.all && (a.all || same(a.workspaces, b.workspaces));
}

/** Changes some fields. The result sets them back. */
export function assign<T extends object>(target: T, fields: Partial<T>): () => void {
  const before = { ...target };
  Object.assign(target, fields);
  return () => void Object.assign(target, before);
}

/** Whoever a role or a team will be given to. A list that allows nothing is nobody. */
export function someone(permissions: readonly string[]): Effect[] {
  return permissions.length > 0 ? [{ after: reachOf(permissions) }] : [];
}

/** The members and service accounts of a team. */
export function membersOf(world: World, team: Team) {
  const people = current(world).filter((person) => person.teams.has(team));
  return [people, world.robots.filter((robot) => robot.team === team)] as const;
}

/** The people and service accounts that hold a role, by their teams too. */
export function holdersOf(world: World, role: Role) {
  const has = (team: Team) => team.roles.has(role);
  const people = current(world).filter((one) => one.role === role || [...one.teams].some(has));
  return [people, world.robots.filter((robot) => has(robot.team))] as const;
}

/** What it comes to if the holders of a role get another one. */
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

/** Whether two sets are equal. */
export function same<T>(a: Set<T>, b: Set<T>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}

function current({ people }: World): Person[] {
  return people.filter((person) => person.role);
}
