import type { Authority, Seen } from "../../domain/access/authority.ts";
import type { NewUser } from "../../domain/access/external-issuer.ts";
import { parsePermission } from "../../domain/access/permission.ts";
import type { Call } from "../../domain/access/principal.ts";
import { DomainError, invalidField } from "../../domain/kernel/error.ts";
import type { Refusals } from "../../domain/kernel/refusal.ts";
import { parseToken } from "../../domain/kernel/token.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import type { Limiter } from "../../verify/limits/limiter.ts";
import type { Resolver, VerifyRequest } from "../../verify/resolve.ts";
import { type Usage, usedOf } from "../../verify/usage.ts";
import { isForVerifiers, optionalUser, orOwn, type Rule, ruleOf } from "./access.ts";
import { actingCallOf } from "./acting.ts";
import { admitPrincipal, admitUser } from "./admission.ts";
import { hasEndedCookie } from "./console-call.ts";
import { type Arrival, accountHeader, type Bearer, recordOf } from "./context.ts";
import { takeOwnLimits } from "./own-limits.ts";
import { verifierToken } from "./verifier-token.ts";

/** What resolving a bearer depends on. */
export interface AuthenticateDeps {
  resolver: Resolver;
  usage: Usage;
  refusals: Refusals;
  limiter: Limiter;
  tokenPrefix: string;
  /** Provisions the user of an external identity, and the user's profile if needed. */
  provisionUser(call: Call, newUser: NewUser): Promise<void>;
}

/**
 * Resolves the bearer of a call and enforces the access rule of the method. A method without a rule cannot be called. The
 * token is only accepted in the `Authorization` header (RFC 6750).
 *
 * If the bearer passed `before`, it is evaluated again. The call then stays in its account, and no user is provisioned.
 */
export async function authenticate(
  deps: AuthenticateDeps,
  context: Arrival,
  call: Call,
  before?: Evaluation,
): Promise<Bearer> {
  const rule = ruleFor(context);
  if (rule.case === "public" && rule.value) return { type: "anonymous" };
  if (rule.case === undefined || rule.value === false || rule.value === "") {
    throw new DomainError("PERMISSION_DENIED", "this method has no access rule, so it cannot be called");
  }
  const verifyRequest = verifyRequestOf(context, rule, call);
  const request = before ? inSameAccount(verifyRequest, before) : verifyRequest;
  let evaluation = await resolveOne(deps, request);
  if (evaluation.newUser && !before) {
    await deps.provisionUser(call, evaluation.newUser);
    evaluation = await resolveOne(deps, request);
  }
  // The log names the principal of a refused call too. This does not authorize the call: only the bearer does.
  const record = recordOf(context.values);
  record.shown = evaluation.principal ?? record.shown;
  try {
    const bearer = bearerOf(deps, rule, request, evaluation, call);
    if (!before) await takeOwnLimits(deps.limiter, context, evaluation);
    deps.usage.touch(usedOf(evaluation));
    record.passed = evaluation;
    return bearer;
  } catch (error) {
    // A browser whose session has ended makes the call as one without a session.
    if (!before && optionalUser(context.method) && hasEndedCookie(record, error))
      return { type: "anonymous" };
    const { principal } = evaluation;
    const denied = error instanceof DomainError && error.reason === "PERMISSION_DENIED";
    if (denied && principal) deps.refusals.record(principal, call, error.reason);
    throw error;
  }
}

function verifyRequestOf({ requestHeader, method }: Arrival, rule: Rule, call: Call): VerifyRequest {
  const forVerifiers = isForVerifiers(method);
  const token = forVerifiers ? verifierToken(requestHeader) : bearerToken(requestHeader);
  // The account header of a gateway's call may be that of its client.
  const accountId = forVerifiers || rule.case === "user" ? "" : namedAccount(requestHeader);
  return {
    token,
    caller: call.addressKey,
    fresh: false,
    accountId,
    workspaceId: "",
    permissions: orOwn(method) ? [] : requiredBy(rule),
    entitlements: [],
    environment: undefined,
    ...(rule.case === "user" ? { own: "user" } : { own: "principal", acting: actingCallOf(method) }),
  };
}

// An empty header is a mistake, such as an unset variable. A platform key would act in the platform account in place of a tenant.
function namedAccount(headers: Arrival["requestHeader"]): string {
  const named = headers.get(accountHeader);
  if (named?.trim() !== "") return named ?? "";
  throw invalidField(accountHeader, "expected the id of an account. To name none, do not send the header");
}

// The user's only account may have changed since the headers arrived. The request was not meant for the new one.
function inSameAccount(verifyRequest: VerifyRequest, { principal }: Evaluation): VerifyRequest {
  return verifyRequest.own === "user" || !principal
    ? verifyRequest
    : { ...verifyRequest, accountId: principal.accountId };
}

function bearerOf(
  { resolver, tokenPrefix }: AuthenticateDeps,
  rule: Rule,
  verifyRequest: VerifyRequest,
  evaluation: Evaluation,
  call: Call,
): Bearer {
  const parsed = parseToken(tokenPrefix, verifyRequest.token);
  function authority<T>(admitted: (again: Evaluation) => T): Authority<T> {
    const credential = evaluation.basis?.credential;
    if (!credential) throw new Error("the evaluation of the bearer has no credential");
    const request = inSameAccount(verifyRequest, evaluation);
    const evaluate = async (seen: Seen) => admitted(await resolver.evaluateSeen(evaluation, request, seen));
    return { credentialId: credential.id, kind: credential.kind, tokenId: evaluation.tokenId, evaluate };
  }
  if (rule.case === "user") {
    const user = admitUser(evaluation, parsed);
    return {
      type: "user",
      user: { ...user, call, authority: authority((again) => void admitUser(again, parsed)) },
    };
  }
  const principal = admitPrincipal(rule, evaluation, parsed);
  const again = authority((seen) => admitPrincipal(rule, seen, parsed));
  return { type: "principal", caller: { ...principal, call, authority: again } };
}

async function resolveOne({ resolver }: AuthenticateDeps, verifyRequest: VerifyRequest): Promise<Evaluation> {
  const [evaluation] = await resolver.resolve([verifyRequest]);
  if (!evaluation) throw new Error("the resolver returned no evaluation");
  return evaluation;
}

// A public method with an optional user authenticates the user if the call has a bearer.
function ruleFor({ method, requestHeader }: Arrival): Rule {
  const rule = ruleOf(method);
  const asUser = rule.case === "public" && optionalUser(method) && requestHeader.has("authorization");
  return asUser ? { case: "user", value: true } : rule;
}

function requiredBy(rule: Rule): string[] {
  if (rule.case !== "permission" && rule.case !== "platformPermission") return [];
  // A malformed rule would be met by `*` alone. It fails here instead, for every caller.
  if (parsePermission(rule.value) !== rule.value)
    throw new Error(`the access rule is not a permission: ${rule.value}`);
  return [rule.value];
}

/** Returns the token of the `Authorization` header (RFC 6750). Fails if there is none. */
export function bearerToken(headers: Arrival["requestHeader"]): string {
  const header = headers.get("authorization");
  if (header === null) {
    throw new DomainError("MISSING_API_KEY", "send `Authorization: Bearer <token>`", {
      header: "authorization",
    });
  }
  const [, token] = /^Bearer +([!-~]+)$/i.exec(header.trim()) ?? [];
  if (token === undefined) {
    throw new DomainError("INVALID_API_KEY", "expected `Authorization: Bearer <token>`", {
      header: "authorization",
    });
  }
  return token;
}
