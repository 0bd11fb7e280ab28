import { atOnce, type Slices } from "../kernel/slices.ts";
import { implies, rankByWildcard, rankedVerbs, rankOf, splitPermission } from "./permission-grammar.ts";
import { indexOf, intersection, storedForm } from "./permission-index.ts";

export { expected, implies, ownResources, parsePermission } from "./permission-grammar.ts";

/** A set of permissions, built once. A lookup takes the same time for any size of the set. */
export interface PermissionSet {
  /** The set in its stored form: canonical, sorted, without implied entries. */
  readonly permissions: readonly string[];
  /** The same permissions for lookups. Missing for a short list, because a scan of it is as fast and needs no memory. */
  readonly entries?: ReadonlySet<string>;
}

const shortLength = 16;

/** Returns whether a set includes a permission. For a `PermissionSet` this is a lookup, for a list it is a scan. */
export function holds(held: PermissionSet | readonly string[], wanted: string): boolean {
  if (!("permissions" in held)) return held.some((permission) => implies(permission, wanted));
  return held.entries ? includes(held.entries, wanted) : holds(held.permissions, wanted);
}

/**
 * Returns what both lists allow, in stored form. The list of a key narrows what the owner of the key may do, and never
 * adds to it.
 */
export function narrow(own: readonly string[], owner: readonly string[]): string[] {
  return [...atOnce(effectiveSet(own, owner)).permissions];
}

/** Returns the set of a list. Entries that are not permissions give nothing. */
export function permissionSet(permissions: readonly string[]): PermissionSet {
  return atOnce(effectiveSet(permissions, null));
}

/**
 * Returns the set of a list, narrowed by what an owner may do. If `owner` is null, nothing narrows it. The time grows
 * with the length of both lists together, and the set has at most as many permissions as both. `keep` may replace a
 * text by an equal one.
 */
export function* effectiveSet(
  permissions: readonly string[],
  owner: readonly string[] | null,
  keep: (text: string) => string = (text) => text,
): Slices<PermissionSet> {
  const own = yield* indexOf(permissions);
  const index = owner === null ? own : yield* intersection(own, yield* indexOf(owner));
  const stored = (yield* storedForm(index)).map(keep);
  return stored.length > shortLength
    ? { permissions: stored, entries: new Set(stored) }
    : { permissions: stored };
}

// Looks up each of the few permissions that imply the wanted one.
function includes(entries: ReadonlySet<string>, wanted: string): boolean {
  if (entries.has(wanted) || entries.has("*")) return true;
  const [resource, verb] = splitPermission(wanted);
  if (resource !== "*" && entries.has(`${resource}:*`)) return true;
  const needed = rankOf(verb);
  if (needed === 0) return false;
  const reached = rankByWildcard(needed, resource) === needed;
  return rankedVerbs
    .slice(needed - 1)
    .some((one) => entries.has(`${resource}:${one}`) || (reached && entries.has(`*:${one}`)));
}
