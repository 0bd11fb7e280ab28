import { type Slices, sliceLength, sorted } from "../kernel/slices.ts";
import {
  isOwnResource,
  parsePermission,
  platformResources,
  rankOf,
  splitPermission,
  verbOf,
} from "./permission-grammar.ts";

/** The permissions of a list, by resource. It exists only while a set is built. */
export interface PermissionIndex extends Wildcards {
  all: boolean;
  resources: Map<string, Held>;
  /** Whether it lacks entries beyond `maxExpanded`. */
  cut: boolean;
}

/** The permissions that name no resource. */
interface Wildcards {
  /** Whether the list has `*:*`. */
  every: boolean;
  /** The highest rank on every resource, for example by `*:write`. 0 for none. On Latchkey's own resources, it is `read`. */
  wildcard: number;
  /** The highest rank on the platform's resources only, for example by `platform.*:write`. 0 for none. */
  platform: number;
  /** The other verbs on the platform's resources, for example by `*:run`. */
  verbs: ReadonlySet<string>;
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

/**
 * The most entries that a narrowed set gets because one list has `resource:*` for many resources, and the other one has
 * `*:verb` for many verbs. Their product has no other bound. Entries beyond it are left out, so they are denied. Which ones these
 * are depends on both lists: if a list loses an entry, the set may get others instead.
 */
export const maxExpanded = 1_024;

const highestRank = 3;
const noVerbs: ReadonlySet<string> = new Set();
const nothing: Held = { every: false, rank: 0, verbs: noVerbs };

/** Indexes a list. Skips entries that are not permissions. */
export function* indexOf(permissions: readonly string[]): Slices<PermissionIndex> {
  const resources = new Map<string, Held>();
  const index = { all: false, every: false, wildcard: 0, platform: 0, verbs: noVerbs, resources, cut: false };
  const otherVerbs = new Map<string, Set<string>>();
  for (const [n, text] of permissions.entries()) {
    if (n % sliceLength === sliceLength - 1) yield;
    const permission = parsePermission(text);
    if (permission !== undefined) add(index, otherVerbs, permission);
  }
  index.verbs = otherVerbs.get("*") ?? noVerbs;
  // `*:read` and `platform.*:write` together are `*:write`.
  const joined = index.wildcard > 0 ? Math.max(index.wildcard, index.platform) : 0;
  if (joined > 0 && !index.every) return { ...index, wildcard: joined, platform: 0 };
  return index;
}

function add(index: PermissionIndex, otherVerbs: Map<string, Set<string>>, permission: string): void {
  const [resource, verb] = splitPermission(permission);
  const rank = rankOf(verb);
  if (permission === "*") index.all = true;
  else if (permission === "*:*") index.every = true;
  else if (rank === 0 && verb !== "*") {
    const verbs = otherVerbs.get(resource) ?? new Set();
    otherVerbs.set(resource, verbs.add(verb));
    if (resource !== "*") heldOf(index, resource).verbs = verbs;
  } else if (resource === "*") index.wildcard = Math.max(index.wildcard, rank);
  else if (resource === platformResources) index.platform = Math.max(index.platform, rank);
  else {
    const held = heldOf(index, resource);
    if (verb === "*") held.every = true;
    else held.rank = Math.max(held.rank, rank);
  }
}

function heldOf({ resources }: PermissionIndex, resource: string): Held {
  const held = resources.get(resource) ?? { ...nothing };
  resources.set(resource, held);
  return held;
}

/** Returns what two lists have in common. */
export function* intersection(a: PermissionIndex, b: PermissionIndex): Slices<PermissionIndex> {
  if (a.all || b.all) return a.all ? b : a;
  const resources = new Map<string, Held>();
  const expansion: Expansion = { left: maxExpanded, cut: false };
  let work = 0;
  for (const index of [a, b]) {
    for (const resource of index.resources.keys()) {
      if (index === b && a.resources.has(resource)) continue;
      const both = common(on(a, resource), on(b, resource), expansion);
      if (!isNothing(both)) resources.set(resource, both);
      work += 1 + both.verbs.size;
      if (work >= sliceLength) {
        work = 0;
        yield;
      }
    }
  }
  return { all: false, ...commonWildcards(a, b), resources, cut: expansion.cut };
}

function isNothing({ every, rank, verbs }: Held): boolean {
  return !every && rank === 0 && verbs.size === 0;
}

function commonWildcards(a: PermissionIndex, b: PermissionIndex): Wildcards {
  const every = a.every && b.every;
  const verbs = a.every ? b.verbs : b.every ? a.verbs : intersect(a.verbs, b.verbs);
  const lower = Math.min(a.wildcard, b.wildcard);
  if (every) return { every, wildcard: lower, platform: 0, verbs };
  const rank = Math.min(platformRank(a), platformRank(b));
  return { every, wildcard: lower > 0 ? rank : 0, platform: lower > 0 ? 0 : rank, verbs };
}

/** What a list holds on one resource, by its name and by wildcards. */
interface HeldOn extends Held {
  /** The verbs that wildcards give. Everything, if `covered`. */
  wildcardVerbs: ReadonlySet<string>;
  /** Whether `*:*` covers the resource. The result then has the wildcards of the other list as they are. */
  covered: boolean;
}

function on(index: PermissionIndex, resource: string): HeldOn {
  const { every, rank, verbs } = index.resources.get(resource) ?? nothing;
  const covered = index.every && !isOwnResource(resource);
  const all = every || covered;
  return {
    every: all,
    covered,
    rank: all ? highestRank : Math.max(rank, rankByWildcards(index, resource)),
    verbs,
    wildcardVerbs: isOwnResource(resource) ? noVerbs : index.verbs,
  };
}

/** The entries that an intersection may still get, and whether it needed more. */
interface Expansion {
  left: number;
  cut: boolean;
}

function common(a: HeldOn, b: HeldOn, expansion: Expansion): Held {
  return {
    every: a.every && b.every,
    rank: Math.min(a.rank, b.rank),
    verbs: a.every ? allVerbs(b, a, expansion) : b.every ? allVerbs(a, b, expansion) : commonVerbs(a, b),
  };
}

// The verbs of a list on a resource of which the other list has every verb.
function allVerbs(some: HeldOn, other: HeldOn, expansion: Expansion): ReadonlySet<string> {
  if (some.every || other.covered || some.wildcardVerbs.size === 0) return some.verbs;
  const verbs = new Set(some.verbs);
  for (const verb of some.wildcardVerbs) {
    if (expansion.left === 0) {
      expansion.cut = true;
      break;
    }
    expansion.left -= 1;
    verbs.add(verb);
  }
  return verbs;
}

// The result has the verbs that wildcards of both lists give as wildcards.
function commonVerbs(a: HeldOn, b: HeldOn): ReadonlySet<string> {
  const both = intersect(a.verbs, b.verbs);
  if (a.wildcardVerbs.size + b.wildcardVerbs.size === 0) return both;
  return new Set([...both, ...intersect(a.verbs, b.wildcardVerbs), ...intersect(b.verbs, a.wildcardVerbs)]);
}

// Iterates over the smaller of the two.
function intersect(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  return few.size === 0 ? noVerbs : new Set([...few].filter((verb) => many.has(verb)));
}

function platformRank({ every, wildcard, platform }: Wildcards): number {
  return every ? highestRank : Math.max(wildcard, platform);
}

function rankByWildcards(index: Wildcards, resource: string): number {
  return isOwnResource(resource) ? Math.min(index.wildcard, 1) : platformRank(index);
}

/** Returns the stored form of an index: for each resource only what no wildcard and no other entry implies. */
export function* storedForm(index: PermissionIndex): Slices<string[]> {
  if (index.all) return ["*"];
  const permissions = wildcardsOf(index);
  let work = 0;
  for (const [resource, { every, rank, verbs }] of index.resources) {
    const isOwn = isOwnResource(resource);
    if (index.every && !isOwn) continue;
    if (every) permissions.push(`${resource}:*`);
    else {
      if (rank > rankByWildcards(index, resource)) permissions.push(`${resource}:${verbOf(rank)}`);
      for (const verb of verbs) if (isOwn || !index.verbs.has(verb)) permissions.push(`${resource}:${verb}`);
    }
    work += 1 + verbs.size;
    if (work >= sliceLength) {
      work = 0;
      yield;
    }
  }
  return yield* sorted(permissions);
}

function wildcardsOf({ every, wildcard, platform, verbs }: Wildcards): string[] {
  const ranked = wildcard > 0 ? [`*:${verbOf(wildcard)}`] : [];
  if (every) return ["*:*", ...ranked];
  if (platform > wildcard) ranked.push(`${platformResources}:${verbOf(platform)}`);
  return [...ranked, ...[...verbs].map((verb) => `*:${verb}`)];
}
