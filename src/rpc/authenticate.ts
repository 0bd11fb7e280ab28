import { DomainError, type Reason } from "../domain/error.ts";
import type { Newcomer } from "../domain/outside-issuer.ts";
import { parsePermission } from "../domain/permission.ts";
import type { Call } from "../domain/principal.ts";
import { permissionDenied } from "../domain/principal.ts";
import type { Refusals } from "../domain/refusal.ts";
import { type ParsedToken, parseToken } from "../domain/token.ts";
import type { Failure, Judgement } from "../verify/judge.ts";
import type { Inquiry, Resolver } from "../verify/resolve.ts";
import type { Uses } from "../verify/use.ts";
import { optionalUser, orOwn, type Rule, ruleOf } from "./access.ts";
import { type Arrival, type Bearer, recordOf } from "./context.ts";

/** What resolving a bearer depends on. */
export interface AuthenticateDeps {
  resolver: Resolver;
  uses: Uses;
  refusals: Refusals;
  tokenPrefix: string;
  /** Makes the user, and where needed the profile, of somebody whom an outside issuer vouches for. */
  welcome(call: Call, newcomer: Newcomer): Promise<void>;
}

/** The header in which a user names the account. */
export const accountHeader = "latchkey-account";

/**
 * Resolves the bearer of a call and holds it against the method's access rule, before the body is read. A method
 * without a rule is closed to everybody. RFC 6750: the token comes in the `Authorization` header and nowhere else.
 */
export async function authenticate(deps: AuthenticateDeps, context: Arrival, call: Call): Promise<Bearer> {
  const rule = ruleFor(context);
  if (rule.case === "public" && rule.value) return { type: "nobody" };
  if (rule.case === undefined || rule.value === false || rule.value === "") {
    throw new DomainError("PERMISSION_DENIED", "this method is closed");
  }
  const token = bearerToken(context.requestHeader);
  const accountId = context.requestHeader.get(accountHeader) ?? "";
  const inquiry: Inquiry = {
    token,
    caller: call.addressKey,
    fresh: false,
    accountId: rule.case === "user" ? "" : accountId,
    workspaceId: "",
    permissions: orOwn(context.method) ? [] : requiredBy(rule),
    entitlements: [],
    environment: undefined,
    own: rule.case === "user" ? "user" : "principal",
  };
  let judgement = await resolveOne(deps, inquiry);
  if (judgement.newcomer) {
    await deps.welcome(call, judgement.newcomer);
    judgement = await resolveOne(deps, inquiry);
  }
  // Also of a call that is refused, the log says whose it was. It admits nobody: only the bearer does.
  const record = recordOf(context.values);
  record.shown = judgement.principal;
  const failures = rule.case === "user" ? judgement.failures.filter(isAboutToken) : judgement.failures;
  const [failure] = failures;
  if (failure) throw refuse(deps, call, judgement, failure, parseToken(deps.tokenPrefix, token));
  deps.uses.record(judgement);
  record.passed = judgement;
  return admit(deps, rule, judgement, call);
}

async function resolveOne({ resolver }: AuthenticateDeps, inquiry: Inquiry): Promise<Judgement> {
  const [judgement] = await resolver.resolve([inquiry]);
  if (!judgement) throw new Error("the resolver did not answer");
  return judgement;
}

// A public method that knows users asks for one where there is a bearer.
function ruleFor({ method, requestHeader }: Arrival): Rule {
  const rule = ruleOf(method);
  const asUser = rule.case === "public" && optionalUser(method) && requestHeader.has("authorization");
  return asUser ? { case: "user", value: true } : rule;
}

function admit(deps: AuthenticateDeps, rule: Rule, judgement: Judgement, call: Call): Bearer {
  const { principal, sessionId, userId, scope, endsAt } = judgement;
  if (rule.case === "user") {
    const outside = scope && endsAt && { scope, endsAt };
    if (userId === undefined || (sessionId === undefined && !outside)) {
      throw new DomainError("LOGIN_REQUIRED", "a signed-in user must make this call, not a key");
    }
    const by = { ...(sessionId !== undefined && { sessionId }), ...(outside && { outside }) };
    return { type: "user", user: { userId, ...by, call } };
  }
  if (!principal) throw new Error("a valid token without a principal");
  if (rule.case === "platformPermission" && !(principal.platform && principal.keyId)) {
    deps.refusals.record(principal, call, "PERMISSION_DENIED");
    throw permissionDenied(rule.value);
  }
  return { type: "principal", caller: { ...principal, call } };
}

function refuse(
  deps: AuthenticateDeps,
  call: Call,
  { principal, scope }: Judgement,
  failure: Failure,
  parsed: ParsedToken | undefined,
): DomainError {
  const { verdict } = failure;
  const metadata = { ...failure.metadata, ...(verdict === "INVALID" && parsed && idOf(parsed)) };
  if (principal && verdict === "PERMISSION_DENIED") deps.refusals.record(principal, call, verdict);
  if (verdict === "PERMISSION_DENIED") return permissionDenied(metadata.permission ?? "");
  // A token of an outside issuer signs a user in, as a session does.
  const session = parsed?.kind === "ses" || scope !== undefined;
  const reason: Reason = isAboutToken(failure)
    ? `${verdict as TokenVerdict}_${session ? "SESSION" : "API_KEY"}`
    : (verdict as Reason);
  return new DomainError(reason, messages[verdict], metadata);
}

type TokenVerdict = "INVALID" | "EXPIRED" | "REVOKED";

// What a wrong token says of itself. Whether there is such a record, nobody is told.
function idOf({ kind, id }: ParsedToken): Record<string, string> {
  if (kind === "ses") return { session_id: id };
  return kind === "inv" || kind === "otp" ? {} : { key_id: id };
}

function isAboutToken({ verdict }: Failure): boolean {
  return verdict === "INVALID" || verdict === "EXPIRED" || verdict === "REVOKED" || verdict === "DISABLED";
}

const messages: Record<Failure["verdict"], string> = {
  INVALID: "the bearer is unknown, wrong or malformed",
  EXPIRED: "the bearer has expired",
  REVOKED: "the bearer was revoked",
  DISABLED: "the API key is disabled",
  ACCOUNT_REQUIRED: `name an account in the header ${accountHeader}`,
  ACCOUNT_MISMATCH: "the bearer does not belong to this account",
  ACCOUNT_SUSPENDED: "the account is suspended",
  ENVIRONMENT_MISMATCH: "the API key is of another environment",
  WORKSPACE_FORBIDDEN: "you may not enter this workspace",
  WORKSPACE_ARCHIVED: "the workspace is archived",
  PERMISSION_DENIED: "a permission is missing",
  ENTITLEMENT_REQUIRED: "the account's plan does not include this",
  RATE_LIMITED: "too many calls",
  QUOTA_EXCEEDED: "the quota is spent",
};

function requiredBy(rule: Rule): string[] {
  if (rule.case !== "permission" && rule.case !== "platformPermission") return [];
  // A rule that is no permission would be held by nobody but `*`: better that nobody holds it at all.
  if (parsePermission(rule.value) !== rule.value) throw new Error(`not a permission: ${rule.value}`);
  return [rule.value];
}

function bearerToken(headers: Arrival["requestHeader"]): string {
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
