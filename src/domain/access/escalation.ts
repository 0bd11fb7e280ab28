import { DomainError } from "../kernel/error.ts";
import { atOnce, inTurns, type Slices } from "../kernel/slices.ts";
import { type Principal, permissionDenied } from "./principal.ts";
import {
  createReachComparison,
  isEndWithin,
  isEnvironmentWithin,
  isLimitedWithin,
  type JointReach,
  type Reach,
  type ReachComparison,
} from "./reach.ts";

/**
 * A principal before and after a change. Without `before`, the change creates the principal, revives it or hands out
 * its token. `most` is the largest reach after the change if the tokens of its external issuers claim roles. A token
 * may claim any part of it.
 */
export interface PrincipalChange {
  before?: Reach | JointReach;
  after: Reach | JointReach;
  most?: Reach | JointReach;
}

/** The fields of a principal that its reach depends on. */
export type Holder = Pick<
  Principal,
  "permissions" | "workspaceScope" | "workspaceIds" | "environment" | "expiresAt" | "superseded" | "limitedBy"
>;

/**
 * Fails if a change gives some principal more reach than the caller has. Every path that creates, widens, revives or
 * hands out anything calls this function. No other code makes this decision.
 *
 * A change passes if the resulting principal is within its own earlier reach, or if it is as a whole within the
 * caller's reach. Each reach is a product of permissions, workspaces, environment, end and limits. So these can be compared one
 * by one, but only for the whole result, because an added permission also counts in the workspaces that the principal
 * already had. Therefore a caller cannot add anything to a principal with more reach than the caller. Claims do not
 * matter while `after` is within `before`. Otherwise the principal counts with the most that it may claim.
 *
 * A token that a rotation has superseded cannot widen anything. If several rules fail, the error is the first one in
 * the table of errors.
 */
export function refuseEscalation(caller: Holder, changes: Iterable<PrincipalChange>): void {
  atOnce(compare(caller, changes));
}

/**
 * The same for changes of many principals at once. The event loop gets turns in between. Fails with `BOUND_EXCEEDED` if
 * the comparison takes longer than `budgetMs`. A caller with all permissions in all workspaces can always make the
 * change, because then there is nothing to compare.
 */
export function refuseEscalationOfMany(
  caller: Holder,
  changes: Iterable<PrincipalChange>,
  budgetMs: number,
): Promise<void> {
  return inTurns(compare(caller, changes), { ms: budgetMs, late: () => tooLong(budgetMs) });
}

function tooLong(budgetMs: number): DomainError {
  return new DomainError(
    "BOUND_EXCEEDED",
    `the holders could not be compared with you within ${budgetMs} ms: try again later, or make the change as a principal with all permissions in all workspaces, which needs no comparison (comparison_ms)`,
    { bound: "comparison_ms", limit: String(budgetMs) },
  );
}

function* compare(caller: Holder, changes: Iterable<PrincipalChange>): Slices<void> {
  const comparison = createReachComparison();
  const held = reachOf(caller);
  const lowest = lowestPlace(caller, held);
  let worst: Refusal | undefined;
  for (const { before, after, most = after } of changes) {
    yield;
    if (before && (yield* comparison.isWithin(after, before))) continue;
    const refusal = yield* refusalOf(comparison, caller, held, most);
    if (refusal && refusal.place < (worst?.place ?? Number.POSITIVE_INFINITY)) worst = refusal;
    // No later error comes before this one in the table.
    if (worst?.place === lowest) break;
  }
  if (worst) throw worst.error;
}

/** The reason why a reach is refused, and its place in the table of errors. */
interface Refusal {
  place: number;
  error: DomainError;
}

// The rules in the order of the table of errors.
const place = { environment: 0, workspace: 1, superseded: 2, permission: 3, end: 4, limits: 5 };

// The first rule that can fail for a caller.
function lowestPlace({ superseded }: Holder, { environment, workspaces }: Reach): number {
  if (environment !== "every") return place.environment;
  if (workspaces !== "all") return place.workspace;
  return superseded ? place.superseded : place.permission;
}

function* refusalOf(
  comparison: ReachComparison,
  { superseded }: Holder,
  held: Reach,
  reach: Reach | JointReach,
): Slices<Refusal | undefined> {
  if (!isEnvironmentWithin(reach, held)) {
    return { place: place.environment, error: environmentError(held, reach) };
  }
  const workspace = comparison.foreignWorkspace(reach, held);
  if (workspace !== undefined) return { place: place.workspace, error: workspaceError(workspace) };
  if (superseded) return { place: place.superseded, error: supersededError() };
  const missing = yield* comparison.missingPermission(reach, held);
  if (missing !== undefined) return { place: place.permission, error: permissionDenied(missing) };
  if (!isEndWithin(reach, held)) return { place: place.end, error: endError(held) };
  return isLimitedWithin(reach, held) ? undefined : { place: place.limits, error: limitsError(held) };
}

/** Returns the reach of a caller. People and their sessions have no environment, no end and no limits. */
export function reachOf(caller: Holder): Reach {
  return {
    permissions: caller.permissions,
    workspaces: caller.workspaceScope === "all" ? "all" : caller.workspaceIds,
    environment: caller.environment ?? "every",
    end: caller.expiresAt ?? null,
    limitedBy: caller.limitedBy ?? null,
  };
}

/** Returns whether a caller reaches everything, so that no change can result in more. */
export function reachesAll(caller: Holder): boolean {
  const { permissions, workspaces, environment, end, limitedBy } = reachOf(caller);
  const unbound = workspaces === "all" && environment === "every" && end === null && limitedBy === null;
  return unbound && permissions.includes("*") && !caller.superseded;
}

function environmentError({ environment }: Reach, reach: Pick<Reach, "environment">): DomainError {
  return new DomainError(
    "ENVIRONMENT_MISMATCH",
    reach.environment === "every"
      ? `your key can mint and widen only keys of environment ${environment}: this would be valid in every environment`
      : `your key can mint and widen only keys of environment ${environment}`,
    { environment },
  );
}

function workspaceError(forbidden: string): DomainError {
  const message =
    forbidden === "*"
      ? "you may not enter all workspaces of the account"
      : "you may not enter this workspace";
  return new DomainError("WORKSPACE_FORBIDDEN", message, { workspace_id: forbidden });
}

function supersededError(): DomainError {
  return new DomainError(
    "PERMISSION_DENIED",
    "a rotation has superseded this token, so it cannot mint or widen anything: use the newer token",
    { permission: "api_keys:write" },
  );
}

function limitsError({ limitedBy }: Reach): DomainError {
  return new DomainError(
    "PERMISSION_DENIED",
    "your key has rate limits or credits, so it can mint, widen and rotate only keys that draw on them too",
    { permission: "api_keys:write", limited_by_key_id: limitedBy ?? "" },
  );
}

function endError({ end }: Reach): DomainError {
  return new DomainError(
    "PERMISSION_DENIED",
    "your key expires, so it can mint and widen only keys that expire no later",
    { permission: "api_keys:write", expires_at: end?.toISOString() ?? "" },
  );
}
