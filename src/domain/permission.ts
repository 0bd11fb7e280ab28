import type { Violation } from "./error.ts";

// `read` ⊂ `write` ⊂ `manage`. Other verbs imply nothing.
const ranks: Record<string, number> = { read: 1, write: 2, manage: 3 };
const shortNames: Record<string, string> = {
  read: "*:read",
  write: "*:write",
  admin: "*",
  webhook: "webhooks:manage",
};

/** Latchkey's own resources: `*:write` and `*:manage` do not reach them, so that a leaked key mints no successor. */
export const ownResources = [
  "account",
  "accounts",
  "api_keys",
  "audit",
  "invites",
  "profiles",
  "roles",
  "service_accounts",
  "teams",
  "tokens",
  "usage",
  "workspaces",
];
const own = new Set(ownResources);
const name = /^[a-z][a-z0-9_]{0,62}$/;

/** The canonical form of a permission (`*`, `resource:verb`, `resource:*`, `*:verb`), or undefined if it is none. */
export function parsePermission(text: string): string | undefined {
  const permission = Object.hasOwn(shortNames, text) ? shortNames[text] : text;
  if (permission === undefined || permission === "*") return permission;
  const [resource = "", verb = "", ...more] = permission.split(":");
  if (more.length > 0) return undefined;
  const resourceFits = resource === "*" ? isRanked(verb) : name.test(resource) && !isRanked(resource);
  const verbFits = verb === "*" ? resource !== "*" : name.test(verb);
  return resourceFits && verbFits ? permission : undefined;
}

/** Whether holding one permission means holding another. Both in canonical form. */
export function implies(held: string, wanted: string): boolean {
  if (held === "*" || held === wanted) return true;
  if (wanted === "*") return false;
  const [heldResource = "", heldVerb = ""] = held.split(":");
  const [resource = "", verb = ""] = wanted.split(":");
  if (heldResource === "*") {
    if (!atLeast(heldVerb, verb)) return false;
    return !own.has(resource) || verb === "read";
  }
  return heldResource === resource && (heldVerb === "*" || atLeast(heldVerb, verb));
}

/** Whether a set of permissions includes this one. */
export function holds(held: readonly string[], wanted: string): boolean {
  return held.some((permission) => implies(permission, wanted));
}

/** The set in its stored form: canonical, without what others imply, sorted. Violations name what is no permission. */
export function normalisePermissions(
  permissions: readonly string[],
  field: string,
): { permissions: string[]; violations: Violation[] } {
  const violations: Violation[] = [];
  const parsed = new Set<string>();
  for (const [index, text] of permissions.entries()) {
    const permission = parsePermission(text);
    if (permission === undefined) violations.push({ field: `${field}[${index}]`, description: expected });
    else parsed.add(permission);
  }
  const all = [...parsed];
  const kept = all.filter((one) => !all.some((other) => other !== one && implies(other, one)));
  return { permissions: kept.sort(), violations };
}

/** What both sets allow, in stored form: an own list narrows what its owner may do, and never adds to it. */
export function narrow(own: readonly string[], owner: readonly string[]): string[] {
  const both = own.flatMap((a) => owner.flatMap((b) => meet(a, b)));
  return normalisePermissions(both, "").permissions;
}

// What two permissions have in common: one of them, or where each is wider in its own way, the crossing.
function meet(a: string, b: string): string[] {
  if (implies(a, b)) return [b];
  if (implies(b, a)) return [a];
  const [resourceA = "", verbA = ""] = a.split(":");
  const [resourceB = "", verbB = ""] = b.split(":");
  if (resourceA !== resourceB && resourceA !== "*" && resourceB !== "*") return [];
  const resource = resourceA === "*" ? resourceB : resourceA;
  return ["read", "write", "manage", verbA, verbB]
    .map((verb) => `${resource}:${verb}`)
    .filter((one) => parsePermission(one) === one && implies(a, one) && implies(b, one));
}

/** What a permission must look like, for messages. */
export const expected =
  "expected a permission: `resource:verb`, `resource:*`, `*:read`, `*:write`, `*:manage`, `*`, or one of `read`, `write`, `admin`, `webhook`";

function isRanked(verb: string): boolean {
  return Object.hasOwn(ranks, verb);
}

function atLeast(held: string, wanted: string): boolean {
  const rank = isRanked(held) ? ranks[held] : undefined;
  const needed = isRanked(wanted) ? ranks[wanted] : undefined;
  return held === wanted || (rank !== undefined && needed !== undefined && rank >= needed);
}
