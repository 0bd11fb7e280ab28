import {
  isPlatformKey,
  type Principal,
  permissionDenied,
  type UserCaller,
} from "../../domain/access/principal.ts";
import { DomainError, type Reason } from "../../domain/kernel/error.ts";
import type { ParsedToken } from "../../domain/kernel/token.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import type { Failure } from "../../verify/evaluate/verdict.ts";
import type { Rule } from "./access.ts";
import { accountHeader } from "./context.ts";

/** Returns the signed-in user of a bearer, with no account resolved. Fails if the bearer may not make the call. Pure. */
export function admitUser(
  evaluation: Evaluation,
  parsed: ParsedToken | undefined,
): Omit<UserCaller, "call" | "authority"> {
  const { sessionId, userId, scope, endsAt } = evaluation;
  requireLiveToken(evaluation, parsed);
  const external = scope && endsAt && { scope, endsAt };
  if (userId === undefined || (sessionId === undefined && !external)) {
    throw new DomainError("LOGIN_REQUIRED", "this call needs a signed-in user, not an API key: log in first");
  }
  return { userId, ...(sessionId !== undefined && { sessionId }), ...(external && { external }) };
}

/** Fails if the token of an evaluation is not accepted, whatever its account and its permissions. Pure. */
export function requireLiveToken(evaluation: Evaluation, parsed: ParsedToken | undefined): void {
  const [failure] = evaluation.failures.filter(isAboutToken);
  if (failure) throw refusalOf(evaluation, failure, parsed);
}

/** Returns the principal of a bearer, by the access rule of a method. Fails if the bearer may not make the call. Pure. */
export function admitPrincipal(
  rule: Rule,
  evaluation: Evaluation,
  parsed: ParsedToken | undefined,
): Principal {
  const { failures, principal } = evaluation;
  const [failure] = failures;
  if (failure) throw refusalOf(evaluation, failure, parsed);
  if (!principal) throw new Error("a valid evaluation has no principal");
  if (rule.case === "platformPermission" && !isPlatformKey(principal)) {
    throw permissionDenied(rule.value);
  }
  return principal;
}

/** Returns the error for a rule that a bearer fails. `parsed` is its token, if it has the format of this deployment. Pure. */
export function refusalOf(
  { scope }: Pick<Evaluation, "scope">,
  failure: Failure,
  parsed: ParsedToken | undefined,
): DomainError {
  const { verdict } = failure;
  const metadata = { ...failure.metadata, ...(verdict === "INVALID" && parsed && idOf(parsed)) };
  if (verdict === "PERMISSION_DENIED") return permissionDenied(metadata.permission ?? "");
  // A token of an external issuer authenticates a user, as a session does.
  const session = parsed?.kind === "ses" || parsed?.kind === "emb" || scope !== undefined;
  const reason: Reason = isAboutToken(failure)
    ? `${verdict as TokenVerdict}_${session ? "SESSION" : "API_KEY"}`
    : (verdict as Reason);
  return new DomainError(reason, messages[verdict], metadata);
}

type TokenVerdict = "INVALID" | "EXPIRED" | "REVOKED";

// The id comes from the token itself. The error does not reveal whether such a record exists.
function idOf({ kind, id }: ParsedToken): Record<string, string> {
  if (kind === "ses" || kind === "emb") return { session_id: id };
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
  ACCOUNT_REQUIRED: `this call needs an account: name one in the header ${accountHeader}`,
  ACCOUNT_MISMATCH: "the bearer does not belong to this account",
  ACCOUNT_SUSPENDED: "the account is suspended",
  ENVIRONMENT_MISMATCH: "the API key belongs to another environment",
  WORKSPACE_FORBIDDEN: "you may not enter this workspace",
  WORKSPACE_ARCHIVED: "the workspace is archived",
  PERMISSION_DENIED: "a permission is missing",
  ENTITLEMENT_REQUIRED: "the account's plan does not include this",
  RATE_LIMITED: "too many calls: retry later",
  QUOTA_EXCEEDED: "the quota is spent",
};
