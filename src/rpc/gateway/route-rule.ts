import { parsePermission } from "../../domain/access/permission.ts";
import { permissionViolations, type Vocabulary } from "../../domain/access/permission-vocabulary.ts";
import { invalidField, invalidFields, type Violation } from "../../domain/kernel/error.ts";
import type { Requirements } from "../../verify/evaluate/verdict.ts";

/** What a route of a gateway requires of its clients. The operator writes it in the configuration of the gateway. */
export interface RouteRule {
  requirements: Requirements;
  /** Whether a refusal has status 403 in place of 429, because nginx turns 429 into 500. */
  hides429: boolean;
  /** Whether the gateway removes the credentials of the client before the upstream. Only for Envoy. */
  removesCredentials: boolean;
}

/** The parameters of a rule: those that may have several values, and those with one. */
export type RuleParameter = "permission" | "entitlement" | SingleParameter;
type SingleParameter = "workspace_id" | "account_id" | "environment" | "deny_429_as" | "remove_credentials";

const maxValues = 64;
// More than a valid rule can have. The limit bounds the work on a URL before the verifier is known.
const maxParameters = 136;
const maxPermissionLength = 127;
const id = /^[!-~]{1,64}$/;
const entitlement = /^[a-z][a-z0-9_]{0,62}$/;
const singleValues: Record<SingleParameter, { pattern: RegExp; expected: string }> = {
  workspace_id: { pattern: id, expected: "expected the id of a workspace" },
  account_id: { pattern: id, expected: "expected the id of an account" },
  environment: { pattern: /^(live|test)$/, expected: "expected `live` or `test`" },
  deny_429_as: { pattern: /^403$/, expected: "expected `403`" },
  remove_credentials: { pattern: /^(true|false)$/, expected: "expected `true` or `false`" },
};
// Only such a name is quoted in an error. An operator may have put a token in its place.
const quotable = /^[A-Za-z0-9_-]{1,32}$/;

/**
 * Returns the rule that these parameters make. Permissions and entitlements may be repeated, or be lists with commas. Fails
 * if a parameter is unknown, empty, wrong or repeated, because a rule with a mistake could let every client in.
 */
export function parseRouteRule(
  parameters: Iterable<readonly [name: string, value: string]>,
  allowed: readonly RuleParameter[],
  vocabulary: Vocabulary | undefined,
): RouteRule {
  const lists: Record<"permission" | "entitlement", string[]> = { permission: [], entitlement: [] };
  const singles = new Map<string, string>();
  const violations: Violation[] = [];
  let count = 0;
  for (const [name, value] of parameters) {
    count += 1;
    if (count > maxParameters) throw invalidField("", `expected at most ${maxParameters} parameters`);
    const known = allowed.find((one) => one === name);
    if (known === undefined) violations.push(unknownParameter(name, allowed));
    else if (known === "permission" || known === "entitlement") lists[known].push(...value.split(","));
    else if (singles.has(known)) violations.push({ field: known, description: "expected it only once" });
    else if (!singleValues[known].pattern.test(value)) {
      violations.push({ field: known, description: singleValues[known].expected });
    } else singles.set(known, value);
  }
  violations.push(...wrongLists(lists, vocabulary));
  if (violations.length > 0) throw invalidFields(violations);
  const environment = singles.get("environment");
  return {
    requirements: {
      accountId: singles.get("account_id") ?? "",
      workspaceId: singles.get("workspace_id") ?? "",
      permissions: lists.permission.map((text) => parsePermission(text) ?? text),
      entitlements: lists.entitlement,
      environment: environment === "live" || environment === "test" ? environment : undefined,
    },
    hides429: singles.has("deny_429_as"),
    removesCredentials: singles.get("remove_credentials") === "true",
  };
}

function wrongLists(
  lists: Record<"permission" | "entitlement", string[]>,
  vocabulary: Vocabulary | undefined,
): Violation[] {
  const tooMany = Object.entries(lists).filter(([, values]) => values.length > maxValues);
  if (tooMany.length > 0) {
    return tooMany.map(([field]) => ({ field, description: `expected at most ${maxValues}` }));
  }
  const long = lists.permission.some((text) => text.length > maxPermissionLength);
  const named = long ? [] : lists.permission.map((text) => ["permission", text] as const);
  return [
    ...(long ? [{ field: "permission", description: "expected `resource:verb`" }] : []),
    ...permissionViolations(named, vocabulary),
    ...(lists.entitlement.every((name) => entitlement.test(name))
      ? []
      : [{ field: "entitlement", description: "expected names of entitlements" }]),
  ];
}

function unknownParameter(name: string, allowed: readonly RuleParameter[]): Violation {
  const quoted = quotable.test(name) ? `the parameter "${name}" is unknown` : "a parameter is unknown";
  return { field: "", description: `${quoted}: expected ${allowed.join(", ")}` };
}
