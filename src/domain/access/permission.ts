import { atOnce, type Slices, sliceLength } from "../kernel/slices.ts";
import {
  implies,
  isOwnResource,
  partsOf,
  platformResources,
  rankedVerbs,
  rankOf,
  splitPermission,
} from "./permission-grammar.ts";
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
  return holdsOne(held, wanted) || (isJoint(wanted) && partsOf(wanted).every((part) => holdsOne(held, part)));
}

function holdsOne(held: PermissionSet | readonly string[], wanted: string): boolean {
  if (!("permissions" in held)) return held.some((permission) => implies(permission, wanted));
  return held.entries ? includes(held.entries, wanted) : holdsOne(held.permissions, wanted);
}

function isJoint(wanted: string): boolean {
  return partsOf(wanted).length > 1;
}

/**
 * Returns what both lists allow, in stored form. The list of a key narrows what the owner of the key may do, and never
 * adds to it.
 */
export function narrow(own: readonly string[], owner: readonly string[]): string[] {
  return [...atOnce(effectiveSet(own, owner)).permissions];
}

/** What the list of a key and the list of its owner allow together. Both lists are in stored form. */
export interface Narrowed {
  /** What they allow now. */
  now: readonly string[];
  /**
   * The most that they allow now, or after one of them has lost entries: the same, or the own list if `now` leaves out
   * entries.
   */
  most: readonly string[];
}

/** Returns what both lists allow, for comparisons that must also hold after one of the lists has lost entries. */
export function narrowed(own: readonly string[], owner: readonly string[]): Narrowed {
  const index = atOnce(indexOf(own));
  const both = atOnce(intersection(index, atOnce(indexOf(owner))));
  const now = atOnce(storedForm(both));
  return { now, most: both.cut ? atOnce(storedForm(index)) : now };
}

/** Returns the set of a list. Entries that are not permissions give nothing. */
export function permissionSet(permissions: readonly string[]): PermissionSet {
  return atOnce(effectiveSet(permissions, null));
}

/**
 * Returns the set of a list, narrowed by what an owner may do. If `owner` is null, nothing narrows it. The time grows
 * with the length of both lists together, and the set has at most `maxExpanded` more permissions than both. `keep` may
 * replace a text by an equal one.
 */
export function* effectiveSet(
  permissions: readonly string[],
  owner: readonly string[] | null,
  keep: (text: string) => string = (text) => text,
): Slices<PermissionSet> {
  const own = yield* indexOf(permissions);
  const index = owner === null ? own : yield* intersection(own, yield* indexOf(owner));
  const stored = yield* storedForm(index);
  if (stored.length <= shortLength) return { permissions: stored.map(keep) };
  const entries = new Set<string>();
  for (const [n, text] of stored.entries()) {
    if (n % sliceLength === sliceLength - 1) yield;
    const kept = keep(text);
    stored[n] = kept;
    entries.add(kept);
  }
  return { permissions: stored, entries };
}

// Looks up each of the few permissions that imply the wanted one.
function includes(entries: ReadonlySet<string>, wanted: string): boolean {
  if (entries.has(wanted) || entries.has("*")) return true;
  const [resource, verb] = splitPermission(wanted);
  const wide = isOwnResource(resource) ? [] : ["*:*", `*:${verb}`];
  if (resource === "*")
    return rankOf(verb) > 0 ? atLeast(entries, "*", verb) : verb !== "" && entries.has("*:*");
  if (entries.has(`${resource}:*`) || wide.some((one) => entries.has(one))) return true;
  if (rankOf(verb) === 0) return false;
  if (isOwnResource(resource)) {
    return atLeast(entries, resource, verb) || (verb === "read" && atLeast(entries, "*", verb));
  }
  return [resource, "*", platformResources].some((one) => atLeast(entries, one, verb));
}

function atLeast(entries: ReadonlySet<string>, resource: string, verb: string): boolean {
  return rankedVerbs.slice(rankOf(verb) - 1).some((one) => entries.has(`${resource}:${one}`));
}
