import type { Violation } from "../kernel/error.ts";
import { atOnce, type Slices } from "../kernel/slices.ts";
import {
  expected,
  implies,
  parsePermission,
  rankByWildcard,
  rankedVerbs,
  rankOf,
  splitPermission,
} from "./permission-grammar.ts";
import { indexOf, intersection, storedForm } from "./permission-index.ts";

export { expected, implies, ownResources, parsePermission } from "./permission-grammar.ts";

/** A set of permissions, built once: whether it includes a permission costs the same however many it has. */
export interface PermissionSet {
  /** The set in its stored form: canonical, without what others imply, sorted. */
  readonly permissions: readonly string[];
  /** The same, to look up. Left out where the list is short: then looking through it is as quick, and takes no room. */
  readonly entries?: ReadonlySet<string>;
}

const shortLength = 16;

/** Whether a set of permissions includes this one: at once for a `PermissionSet`, else by looking through the list. */
export function holds(held: PermissionSet | readonly string[], wanted: string): boolean {
  if (!("permissions" in held)) return held.some((permission) => implies(permission, wanted));
  return held.entries ? includes(held.entries, wanted) : holds(held.permissions, wanted);
}

/** The set in its stored form: canonical, without what others imply, sorted. Violations name what is no permission. */
export function normalisePermissions(
  permissions: readonly string[],
  field: string,
): { permissions: string[]; violations: Violation[] } {
  const violations: Violation[] = [];
  for (const [index, text] of permissions.entries()) {
    if (parsePermission(text) === undefined) {
      violations.push({ field: `${field}[${index}]`, description: expected });
    }
  }
  return { permissions: atOnce(storedForm(atOnce(indexOf(permissions)))), violations };
}

/** What both sets allow, in stored form: an own list narrows what its owner may do, and never adds to it. */
export function narrow(own: readonly string[], owner: readonly string[]): string[] {
  return [...atOnce(effectiveSet(own, owner)).permissions];
}

/** The set of a list. What is no permission gives none. */
export function permissionSet(permissions: readonly string[]): PermissionSet {
  return atOnce(effectiveSet(permissions, null));
}

/**
 * The set of a list, narrowed by what an owner may do; null: by nothing. The work grows with the length of both lists
 * together, and so does the set: it never has more permissions than they have. `keep` may exchange a text for its equal.
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
