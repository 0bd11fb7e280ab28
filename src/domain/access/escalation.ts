import type { Environment } from "../../db/schema.ts";
import { DomainError } from "../kernel/error.ts";
import { atOnce, inTurns, type Slices } from "../kernel/slices.ts";
import { holds, type PermissionSet, permissionSet } from "./permission.ts";
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

/**
 * A principal before and after a change. No `before`: the change makes it, revives it or hands out its token. `most`: what
 * it may come to reach after the change by what the tokens of its external issuer may claim, of which a token may claim
 * any part.
 */
export interface PrincipalChange {
  before?: Reach;
  after: Reach;
  most?: Reach;
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
 * a caller adds nothing at all to a principal that reaches more than the caller. Claims stay as they are while `after` is
 * within `before`; if it is not, the principal counts with the most that it may claim.
 *
 * A token that was superseded by a rotation widens nothing. If several rules fail, the error is the first of the table
 * of errors.
 */
export function refuseEscalation(caller: Holder, changes: Iterable<PrincipalChange>): void {
  atOnce(compare(caller, changes));
}

/** The same for changes of many principals at once: the event loop turns between them. */
export function refuseEscalationOfMany(caller: Holder, changes: Iterable<PrincipalChange>): Promise<void> {
  return inTurns(compare(caller, changes));
}

function* compare(caller: Holder, changes: Iterable<PrincipalChange>): Slices<void> {
  const held = measured(reachOf(caller));
  let worst: Refusal | undefined;
  for (const change of changes) {
    yield;
    const { before, after, most = after } = change;
    if (before && isWithin(after, before)) continue;
    const refusal = refusalOf(caller, held, most);
    if (refusal && refusal.place < (worst?.place ?? Number.POSITIVE_INFINITY)) worst = refusal;
  }
  if (worst) throw worst.error();
}

/** Why a reach is refused, and the place of that in the table of errors. */
interface Refusal {
  place: number;
  error(): DomainError;
}

// Each rule says what is wrong with a reach, or undefined. They are in the order of the table of errors.
const rules = [environmentError, workspaceError, supersededError, permissionError, endError];

function refusalOf(caller: Holder, held: MeasuredReach, reach: Reach): Refusal | undefined {
  for (const [place, rule] of rules.entries()) {
    const error = rule(held, reach, caller);
    if (error) return { place, error: () => error };
  }
  return undefined;
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
  const held = measured(outer);
  return (
    isEnvironmentWithin(inner, held) &&
    isEndWithin(inner, held) &&
    foreignWorkspace(inner, held) === undefined &&
    missingPermission(inner, held) === undefined
  );
}

/** A reach that others are compared with: whether it has something costs the same however much it has. */
interface MeasuredReach extends Omit<Reach, "permissions" | "workspaces"> {
  permissions: PermissionSet;
  workspaces: "all" | ReadonlySet<string>;
}

function measured(reach: Reach): MeasuredReach {
  const { permissions, workspaces } = reach;
  return {
    ...reach,
    permissions: permissionSet(permissions),
    workspaces: workspaces === "all" ? workspaces : new Set(workspaces),
  };
}

function environmentError(held: MeasuredReach, reach: Reach): DomainError | undefined {
  if (isEnvironmentWithin(reach, held)) return undefined;
  const { environment } = held;
  return new DomainError(
    "ENVIRONMENT_MISMATCH",
    reach.environment === "every"
      ? `your key mints and widens only keys of environment ${environment}: this is valid in every environment`
      : `your key mints and widens only keys of environment ${environment}`,
    { environment },
  );
}

function workspaceError(held: MeasuredReach, reach: Reach): DomainError | undefined {
  const forbidden = foreignWorkspace(reach, held);
  if (forbidden === undefined) return undefined;
  const message =
    forbidden === "*"
      ? "you may not enter all workspaces of the account"
      : "you may not enter this workspace";
  return new DomainError("WORKSPACE_FORBIDDEN", message, { workspace_id: forbidden });
}

function supersededError(_held: MeasuredReach, _reach: Reach, caller: Holder): DomainError | undefined {
  if (!caller.superseded) return undefined;
  return new DomainError(
    "PERMISSION_DENIED",
    "a token superseded by a rotation mints nothing: use the newer one",
    { permission: "api_keys:write" },
  );
}

function permissionError(held: MeasuredReach, reach: Reach): DomainError | undefined {
  const missing = missingPermission(reach, held);
  return missing === undefined ? undefined : permissionDenied(missing);
}

function endError(held: MeasuredReach, reach: Reach): DomainError | undefined {
  if (isEndWithin(reach, held)) return undefined;
  return new DomainError(
    "PERMISSION_DENIED",
    "a key that ends mints and widens only keys that end no later",
    {
      permission: "api_keys:write",
      expires_at: held.end?.toISOString() ?? "",
    },
  );
}

type Frame = Pick<Reach, "environment" | "end">;

function isEnvironmentWithin(inner: Frame, outer: Frame): boolean {
  return outer.environment === "every" || inner.environment === outer.environment;
}

function isEndWithin(inner: Frame, outer: Frame): boolean {
  return outer.end === null || (inner.end !== null && inner.end <= outer.end);
}

// The first workspace that only the first reaches; `*` for all of them.
function foreignWorkspace(inner: Reach, { workspaces }: MeasuredReach): string | undefined {
  if (workspaces === "all") return undefined;
  if (inner.workspaces === "all") return "*";
  return inner.workspaces.find((id) => !workspaces.has(id));
}

function missingPermission(inner: Reach, outer: MeasuredReach): string | undefined {
  return inner.permissions.find((permission) => !holds(outer.permissions, permission));
}
