import type { Principal } from "../../gen/latchkey/v1/principal_pb.ts";
import { holds } from "../domain/access/permission.ts";
import { expected, parsePermission } from "../domain/access/permission-grammar.ts";
import { verifyAtOnce } from "./at-once.ts";
import { isPlainObject } from "./plain-object.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import { refused } from "./refused.ts";
import type { Guard, GuardVerdict, Requirements } from "./types.ts";

export { authorizationOf } from "./authorization.ts";

/** What a protected handler learns about its caller: the verdict of a valid token. */
export type Access = GuardVerdict & { readonly principal: Principal };

/** How calls are checked. `Call` is what the framework passes to a handler. */
export interface GateOptions<Call> {
  /** What every token must fulfil. A function gets the call, for example for the workspace in its path. */
  requires?: Requirements | ((call: Call) => Requirements) | undefined;
  /** Whether a call without a token passes. A wrong token is refused all the same. The default is false. */
  optional?: boolean | undefined;
  /** Returns the token of a call, or undefined if it has none. The default is the bearer of `Authorization` (RFC 6750). */
  getToken?: ((call: Call) => string | undefined) | undefined;
  /** Returns the address of the client, which is recorded with the usage of the key. By default, none is recorded. */
  clientAddress?: ((call: Call) => string | undefined) | undefined;
}

/** The access of a call, which is null without a token, or its refusal. */
export type Decision =
  | { access: Access | null; refusal?: undefined }
  | { access?: undefined; refusal: Refusal };

/** Decides about one call, at once if it can. `authorization` is the header of this name, if the call has it. */
export type Gate<Call> = (
  call: Call,
  authorization: string | null | undefined,
) => Decision | Promise<Decision>;

const shortLength = 16;
const anonymous: Decision = { access: null };

/**
 * Returns the check of all calls of a service. Without options, it refuses every call without a valid token. Throws if an option
 * is unknown or malformed, because it would require less than its author meant.
 */
export function createGate<Call>(guard: Guard, options: GateOptions<Call> = {}): Gate<Call> {
  const { requires, optional = false, getToken, clientAddress, ...unknown } = options;
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw new TypeError(`latchkey(guard): unknown option ${JSON.stringify(name)}`);
  const fixed =
    requires === undefined || typeof requires === "function" ? undefined : frozen(checked(requires));
  const requirements = (call: Call) => {
    const required = typeof requires === "function" ? checked(requires(call)) : fixed;
    const address = clientAddress?.(call);
    return address === undefined ? required : { ...required, clientAddress: address };
  };
  return (call, authorization) => {
    const token = getToken ? getToken(call) || undefined : bearerOf(authorization);
    if (token === undefined) return optional ? anonymous : { refusal: refusalOf(missing) };
    if (token === "") return { refusal: refusalOf(noBearer) };
    const verdict = verifyAtOnce(guard, token, requirements(call));
    return "then" in verdict ? verdict.then(decisionOf) : decisionOf(verdict);
  };
}

/** Passes the decision about a call to `decided`: at once, or when its promise resolves. `failed` gets every later error. */
export function whenDecided(
  decision: Decision | Promise<Decision>,
  failed: (error: unknown) => void,
  decided: (decision: Decision) => void,
): void {
  if ("then" in decision) decision.then(decided).catch(failed);
  else decided(decision);
}

/** Checks the access of one call. Returns the refusal if the caller lacks a permission, and throws if there was no gate. */
export type Check = (access: Access | null | undefined) => Refusal | undefined;

/**
 * Returns the check of one route: the caller must hold all of these permissions. It compares them with the principal that
 * the gate found, by the same rules as the server. So it makes no second verification. Throws if one is not a permission.
 */
export function createCheck(permissions: readonly string[]): Check {
  if (permissions.length === 0) throw new TypeError("needs() expects at least one permission");
  const wanted = permissions.map((text) => {
    const permission = parsePermission(text);
    if (permission === undefined) throw new TypeError(`needs(${JSON.stringify(text)}): ${expected}`);
    return permission;
  });
  // A scan of a long list takes up to a millisecond. The verdicts of the guard's cache share their lists.
  const scanned = new WeakMap<readonly string[], string>();
  const lackingIn = (held: readonly string[]) => {
    const known = scanned.get(held);
    if (known !== undefined) return known;
    const lacking = wanted.find((permission) => !holds(held, permission)) ?? "";
    if (held.length > shortLength) scanned.set(held, lacking);
    return lacking;
  };
  return (access) => {
    if (access === undefined)
      throw new Error("needs() must come after latchkey(guard), which finds the caller");
    if (access === null) return refusalOf(missing);
    const lacking = lackingIn(access.principal.permissions);
    return lacking === "" ? undefined : refusalOf(denied(lacking));
  };
}

const header = { metadata: { header: "authorization" } };
const missing = refused("MISSING_API_KEY", header);
const noBearer = {
  ...refused("INVALID_API_KEY", header),
  message: "expected `Authorization: Bearer <token>`",
};

function denied(permission: string): GuardVerdict {
  const verdict = refused("PERMISSION_DENIED", { metadata: { permission } });
  return { ...verdict, message: `the permission ${permission} is missing` };
}

// A call with another kind of `Authorization` is not anonymous. Its bearer is empty.
function bearerOf(authorization: string | null | undefined): string | undefined {
  if (authorization === null || authorization === undefined) return undefined;
  return /^Bearer +([!-~]+)$/i.exec(authorization.trim())?.[1] ?? "";
}

// JavaScript accepts functions that return nothing or a promise. The guard would then require nothing.
function checked(requirements: Requirements): Requirements {
  if (isPlainObject(requirements)) return requirements;
  throw new TypeError(
    "requires: expected an object of requirements, or a function that returns one and is not async",
  );
}

// The guard reads frozen requirements only once.
function frozen(requirements: Requirements): Requirements {
  const { permissions, entitlements } = requirements;
  return Object.freeze({
    ...requirements,
    ...(permissions && { permissions: Object.freeze([...permissions]) }),
    ...(entitlements && { entitlements: Object.freeze([...entitlements]) }),
  });
}

function decisionOf(verdict: GuardVerdict): Decision {
  return isAccess(verdict) ? { access: verdict } : { refusal: refusalOf(verdict) };
}

function isAccess(verdict: GuardVerdict): verdict is Access {
  return verdict.valid && verdict.principal !== undefined;
}
