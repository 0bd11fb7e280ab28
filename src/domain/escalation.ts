import type { Environment } from "../db/schema.ts";
import { DomainError } from "./error.ts";
import { holds } from "./permission.ts";
import { type Principal, permissionDenied } from "./principal.ts";

/**
 * What a principal reaches: each of its permissions without a workspace and in each of its workspaces, in its
 * environment, until its end. A product: a permission that is held at all is held in every workspace that is entered.
 */
export interface Reach {
  permissions: readonly string[];
  /** `all` includes those that will be made later. */
  workspaces: "all" | readonly string[];
  environment: Environment | "every";
  /** Null: never. */
  end: Date | null;
}

/** A principal before and after a change. No `before`: the change makes it, revives it or hands out its token. */
export interface PrincipalChange {
  before?: Reach;
  after: Reach;
}

/** Those parts of a principal that its reach depends on. */
export type Holder = Pick<
  Principal,
  "permissions" | "workspaceScope" | "workspaceIds" | "environment" | "expiresAt" | "superseded"
>;

/**
 * Refuses a change after which some principal reaches more than the caller does. Every path that makes, widens, revives
 * or hands out anything calls this, and nothing else decides it.
 *
 * A change passes if the resulting principal is within what it was before, or as a whole within what the caller
 * reaches. Both sides are products, so permissions, workspaces, environment and end can be compared one by one, but
 * only of the whole result: an added permission also counts in the workspaces that the principal had before. Therefore
 * a caller adds nothing at all to a principal that reaches more than the caller.
 *
 * A token that was superseded by a rotation widens nothing. If several rules fail, the error is the first of the table
 * of errors.
 */
export function refuseEscalation(caller: Holder, changes: readonly PrincipalChange[]): void {
  const widened = changes.flatMap(({ before, after }) => (before && isWithin(after, before) ? [] : [after]));
  if (widened.length === 0) return;
  const held = reachOf(caller);
  for (const reach of widened) requireEnvironment(held, reach);
  for (const reach of widened) requireWorkspaces(held, reach);
  if (caller.superseded) {
    throw new DomainError(
      "PERMISSION_DENIED",
      "a token superseded by a rotation mints nothing: use the newer one",
      { permission: "api_keys:write" },
    );
  }
  for (const reach of widened) requirePermissions(held, reach);
  for (const reach of widened) requireEnd(held, reach);
}

/** What a caller reaches. People and their sessions have no environment and no end. */
export function reachOf(caller: Holder): Reach {
  return {
    permissions: caller.permissions,
    workspaces: caller.workspaceScope === "all" ? "all" : caller.workspaceIds,
    environment: caller.environment ?? "every",
    end: caller.expiresAt ?? null,
  };
}

/** Whether a caller reaches everything, so that no change can result in more. */
export function reachesAll(caller: Holder): boolean {
  const { permissions, workspaces, environment, end } = reachOf(caller);
  const unbound = workspaces === "all" && environment === "every" && end === null;
  return unbound && permissions.includes("*") && !caller.superseded;
}

/** Whether everything that the first reaches, the second reaches too. */
export function isWithin(inner: Reach, outer: Reach): boolean {
  return (
    isEnvironmentWithin(inner, outer) &&
    isEndWithin(inner, outer) &&
    foreignWorkspace(inner, outer) === undefined &&
    missingPermission(inner, outer) === undefined
  );
}

function requireEnvironment(held: Reach, reach: Reach): void {
  if (isEnvironmentWithin(reach, held)) return;
  const { environment } = held;
  throw new DomainError(
    "ENVIRONMENT_MISMATCH",
    reach.environment === "every"
      ? `your key mints and widens only keys of environment ${environment}: this is valid in every environment`
      : `your key mints and widens only keys of environment ${environment}`,
    { environment },
  );
}

function requireWorkspaces(held: Reach, reach: Reach): void {
  const forbidden = foreignWorkspace(reach, held);
  if (forbidden === undefined) return;
  const message =
    forbidden === "*"
      ? "you may not enter all workspaces of the account"
      : "you may not enter this workspace";
  throw new DomainError("WORKSPACE_FORBIDDEN", message, { workspace_id: forbidden });
}

function requirePermissions(held: Reach, reach: Reach): void {
  const missing = missingPermission(reach, held);
  if (missing !== undefined) throw permissionDenied(missing);
}

function requireEnd(held: Reach, reach: Reach): void {
  if (isEndWithin(reach, held)) return;
  throw new DomainError("PERMISSION_DENIED", "a key that ends mints and widens only keys that end no later", {
    permission: "api_keys:write",
    expires_at: held.end?.toISOString() ?? "",
  });
}

function isEnvironmentWithin(inner: Reach, outer: Reach): boolean {
  return outer.environment === "every" || inner.environment === outer.environment;
}

function isEndWithin(inner: Reach, outer: Reach): boolean {
  return outer.end === null || (inner.end !== null && inner.end <= outer.end);
}

// The first workspace that only the first reaches; `*` for all of them.
function foreignWorkspace(inner: Reach, outer: Reach): string | undefined {
  if (outer.workspaces === "all") return undefined;
  if (inner.workspaces === "all") return "*";
  const entered = new Set(outer.workspaces);
  return inner.workspaces.find((id) => !entered.has(id));
}

function missingPermission(inner: Reach, outer: Reach): string | undefined {
  return inner.permissions.find((permission) => !holds(outer.permissions, permission));
}
