import { type Slices, sliceLength, sorted } from "../kernel/slices.ts";
import { parsePermission, rankByWildcard, rankOf, splitPermission, verbOf } from "./permission-grammar.ts";

/** The permissions of a list, by resource. It exists only while a set is built. */
export interface PermissionIndex {
  all: boolean;
  /** The highest rank held on every resource, for example by `*:write`. 0 for none. */
  wildcard: number;
  resources: Map<string, Held>;
}

/** The permissions that name one resource. */
interface Held {
  /** Whether the list has `resource:*`. */
  every: boolean;
  /** The highest of `read`, `write` and `manage`, as a rank. 0 for none. */
  rank: number;
  /** The other verbs. */
  verbs: ReadonlySet<string>;
}

const highestRank = 3;
const noVerbs: ReadonlySet<string> = new Set();
const nothing: Held = { every: false, rank: 0, verbs: noVerbs };

/** Indexes a list. Skips entries that are not permissions. */
export function* indexOf(permissions: readonly string[]): Slices<PermissionIndex> {
  const index: PermissionIndex = { all: false, wildcard: 0, resources: new Map() };
  const otherVerbs = new Map<string, Set<string>>();
  for (const [n, text] of permissions.entries()) {
    if (n % sliceLength === sliceLength - 1) yield;
    const permission = parsePermission(text);
    if (permission !== undefined) add(index, otherVerbs, permission);
  }
  return index;
}

function add(index: PermissionIndex, otherVerbs: Map<string, Set<string>>, permission: string): void {
  const [resource, verb] = splitPermission(permission);
  const rank = rankOf(verb);
  if (permission === "*") index.all = true;
  else if (resource === "*") index.wildcard = Math.max(index.wildcard, rank);
  else {
    const held = index.resources.get(resource) ?? { ...nothing };
    index.resources.set(resource, held);
    if (verb === "*") held.every = true;
    else if (rank > 0) held.rank = Math.max(held.rank, rank);
    else {
      const verbs = otherVerbs.get(resource) ?? new Set();
      otherVerbs.set(resource, verbs);
      held.verbs = verbs.add(verb);
    }
  }
}

/** Returns what two lists have in common. */
export function* intersection(a: PermissionIndex, b: PermissionIndex): Slices<PermissionIndex> {
  if (a.all || b.all) return a.all ? b : a;
  const resources = new Map<string, Held>();
  let work = 0;
  for (const resource of new Set([...a.resources.keys(), ...b.resources.keys()])) {
    const both = common(a, b, resource);
    resources.set(resource, both);
    work += 1 + both.verbs.size;
    if (work >= sliceLength) {
      work = 0;
      yield;
    }
  }
  return { all: false, wildcard: Math.min(a.wildcard, b.wildcard), resources };
}

function common(a: PermissionIndex, b: PermissionIndex, resource: string): Held {
  const one = a.resources.get(resource) ?? nothing;
  const other = b.resources.get(resource) ?? nothing;
  return {
    every: one.every && other.every,
    rank: Math.min(rankOn(a, resource, one), rankOn(b, resource, other)),
    verbs: commonVerbs(one, other),
  };
}

function rankOn({ wildcard }: PermissionIndex, resource: string, held: Held): number {
  return held.every ? highestRank : Math.max(held.rank, rankByWildcard(wildcard, resource));
}

// Iterates over the smaller of the two.
function commonVerbs(a: Held, b: Held): ReadonlySet<string> {
  if (a.every) return b.verbs;
  if (b.every) return a.verbs;
  const [few, many] = a.verbs.size < b.verbs.size ? [a.verbs, b.verbs] : [b.verbs, a.verbs];
  return few.size === 0 ? noVerbs : new Set([...few].filter((verb) => many.has(verb)));
}

/** Returns the stored form of an index: for each resource only what no wildcard and no other entry implies. */
export function* storedForm({ all, wildcard, resources }: PermissionIndex): Slices<string[]> {
  if (all) return ["*"];
  const permissions = wildcard > 0 ? [`*:${verbOf(wildcard)}`] : [];
  let work = 0;
  for (const [resource, { every, rank, verbs }] of resources) {
    if (every) permissions.push(`${resource}:*`);
    else {
      if (rank > rankByWildcard(wildcard, resource)) permissions.push(`${resource}:${verbOf(rank)}`);
      for (const verb of verbs) permissions.push(`${resource}:${verb}`);
    }
    work += 1 + verbs.size;
    if (work >= sliceLength) {
      work = 0;
      yield;
    }
  }
  return yield* sorted(permissions);
}
