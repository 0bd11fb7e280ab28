/** `read` ⊂ `write` ⊂ `manage`, lowest first. Other verbs imply nothing. */
export const rankedVerbs = ["read", "write", "manage"];
const shortNames: Record<string, string> = {
  read: "*:read",
  write: "*:write",
  admin: "*",
  webhook: "webhooks:manage",
};

/** Latchkey's own resources. `*:write` and `*:manage` do not cover them, so that a leaked key cannot mint a successor. */
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

/** The syntax of a permission, for error messages. */
export const expected =
  "expected a permission: `resource:verb`, `resource:*`, `*:read`, `*:write`, `*:manage`, `*`, or one of `read`, `write`, `admin`, `webhook`";

/**
 * Returns the canonical form of a permission (`*`, `resource:verb`, `resource:*`, `*:verb`), or undefined if the text
 * is not a permission.
 */
export function parsePermission(text: string): string | undefined {
  const permission = Object.hasOwn(shortNames, text) ? shortNames[text] : text;
  if (permission === undefined || permission === "*") return permission;
  const [resource, verb] = splitPermission(permission);
  const resourceFits = resource === "*" ? rankOf(verb) > 0 : name.test(resource) && rankOf(resource) === 0;
  const verbFits = verb === "*" ? resource !== "*" : name.test(verb);
  return resourceFits && verbFits ? permission : undefined;
}

/** Returns whether one permission implies another. Both must be in canonical form. */
export function implies(held: string, wanted: string): boolean {
  if (held === "*" || held === wanted) return true;
  if (wanted === "*") return false;
  const [heldResource, heldVerb] = splitPermission(held);
  const [resource, verb] = splitPermission(wanted);
  if (heldResource === "*") return isAtLeast(heldVerb, verb) && (!own.has(resource) || verb === "read");
  return heldResource === resource && (heldVerb === "*" || isAtLeast(heldVerb, verb));
}

/** Splits a permission in canonical form into its resource and its verb. `*` has no verb. */
export function splitPermission(permission: string): [resource: string, verb: string] {
  const colon = permission.indexOf(":");
  return colon < 0 ? [permission, ""] : [permission.slice(0, colon), permission.slice(colon + 1)];
}

/** Returns the rank of a verb in `read` ⊂ `write` ⊂ `manage`, from 1 to 3, or 0 for every other verb. */
export function rankOf(verb: string): number {
  return rankedVerbs.indexOf(verb) + 1;
}

/** Returns the verb of a rank from 1 to 3. */
export function verbOf(rank: number): string {
  return rankedVerbs[rank - 1] ?? "";
}

/**
 * Returns the rank that a wildcard such as `*:write` gives on a resource. On Latchkey's own resources, it gives at most
 * `read`.
 */
export function rankByWildcard(rank: number, resource: string): number {
  return own.has(resource) ? Math.min(rank, 1) : rank;
}

function isAtLeast(held: string, wanted: string): boolean {
  const needed = rankOf(wanted);
  return held === wanted || (needed > 0 && rankOf(held) >= needed);
}
