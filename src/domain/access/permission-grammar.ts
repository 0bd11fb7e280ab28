/** `read` ⊂ `write` ⊂ `manage`, lowest first. Other verbs imply nothing. */
export const rankedVerbs = ["read", "write", "manage"];
/** Names for a whole permission. The server stores the permission. */
export const shortNames: Record<string, string> = {
  read: "*:read",
  write: "*:write",
  admin: "*",
  webhook: "webhooks:manage",
};

/** Latchkey's own resources. Of the wildcards, only `*` and `*:read` cover them, so that a leaked key cannot mint a successor. */
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

/**
 * Stands for every resource of the platform, and none of Latchkey's own. It has only ranked verbs. It is what `*:*` and
 * `*:read` have in common, because `*:read` covers Latchkey's own resources too.
 */
export const platformResources = "platform.*";

/** The syntax of a permission, for error messages. */
export const expected =
  "expected a permission: `resource:verb`, `resource:*`, `*:verb`, `*:*`, `*`, or one of `read`, `write`, `admin`, `webhook`";

/**
 * Returns the canonical form of a permission (`*`, `*:*`, `resource:verb`, `resource:*`, `*:verb`, `platform.*:read`), or
 * undefined if the text is not a permission.
 */
export function parsePermission(text: string): string | undefined {
  const permission = Object.hasOwn(shortNames, text) ? shortNames[text] : text;
  if (permission === undefined || permission === "*") return permission;
  const [resource, verb] = splitPermission(permission);
  if (resource === platformResources) return rankOf(verb) > 0 ? permission : undefined;
  const resourceFits = resource === "*" || (name.test(resource) && rankOf(resource) === 0);
  return resourceFits && (verb === "*" || name.test(verb)) ? permission : undefined;
}

/** Returns whether one permission implies another. Both must be in canonical form. */
export function implies(held: string, wanted: string): boolean {
  if (held === "*" || held === wanted) return true;
  if (wanted === "*") return false;
  const [heldResource, heldVerb] = splitPermission(held);
  const [resource, verb] = splitPermission(wanted);
  if (heldResource === resource) {
    // `*:*` has none of Latchkey's own resources, but `*:read` and what includes it do.
    return heldVerb === "*" ? resource !== "*" || rankOf(verb) === 0 : isAtLeast(heldVerb, verb);
  }
  if (resource === "*") return false;
  if (heldResource === "*" && own.has(resource)) return verb === "read" && rankOf(heldVerb) > 0;
  if (heldResource === "*") return heldVerb === "*" || isAtLeast(heldVerb, verb);
  return heldResource === platformResources && !own.has(resource) && isAtLeast(heldVerb, verb);
}

/**
 * Returns permissions that together are the same as one. Each of them is implied by a list only if a single entry of the
 * list implies it. Most permissions are their only part.
 */
export function partsOf(permission: string): readonly string[] {
  return parts[permission] ?? [permission];
}

const parts: Record<string, readonly string[] | undefined> = Object.assign(Object.create(null), {
  "*:write": ["*:read", `${platformResources}:write`],
  "*:manage": ["*:read", `${platformResources}:manage`],
});

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

/** Returns whether a resource is one of Latchkey's own. */
export function isOwnResource(resource: string): boolean {
  return own.has(resource);
}

function isAtLeast(held: string, wanted: string): boolean {
  const needed = rankOf(wanted);
  return held === wanted || (needed > 0 && rankOf(held) >= needed);
}
