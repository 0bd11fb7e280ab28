import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { VerifyTokenResponse } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { freezeDeep } from "./freeze.ts";
import { messages, retryUnavailableMs, unavailable } from "./refused.ts";
import type { TokenForm } from "./token-form.ts";
import type { GuardReason, GuardVerdict } from "./types.ts";

const reasons: Partial<Record<Verdict, GuardReason>> = {
  [Verdict.INVALID]: "INVALID_API_KEY",
  [Verdict.EXPIRED]: "EXPIRED_API_KEY",
  [Verdict.REVOKED]: "REVOKED_API_KEY",
  [Verdict.DISABLED]: "DISABLED_API_KEY",
  [Verdict.ACCOUNT_REQUIRED]: "ACCOUNT_REQUIRED",
  [Verdict.ACCOUNT_MISMATCH]: "ACCOUNT_MISMATCH",
  [Verdict.ACCOUNT_SUSPENDED]: "ACCOUNT_SUSPENDED",
  [Verdict.ENVIRONMENT_MISMATCH]: "ENVIRONMENT_MISMATCH",
  [Verdict.WORKSPACE_FORBIDDEN]: "WORKSPACE_FORBIDDEN",
  [Verdict.WORKSPACE_ARCHIVED]: "WORKSPACE_ARCHIVED",
  [Verdict.PERMISSION_DENIED]: "PERMISSION_DENIED",
  [Verdict.ENTITLEMENT_REQUIRED]: "ENTITLEMENT_REQUIRED",
  [Verdict.RATE_LIMITED]: "RATE_LIMITED",
  [Verdict.QUOTA_EXCEEDED]: "QUOTA_EXCEEDED",
};

const ofSessions: Partial<Record<Verdict, GuardReason>> = {
  [Verdict.INVALID]: "INVALID_SESSION",
  [Verdict.EXPIRED]: "EXPIRED_SESSION",
  [Verdict.REVOKED]: "REVOKED_SESSION",
};

/** Returns the guard's verdict of a response to `VerifyToken`. `form` is the form of the token. */
export function verdictOf(response: VerifyTokenResponse, form: TokenForm): GuardVerdict {
  const reason = reasonOf(response, form);
  // A verdict that this version does not know accepts nothing.
  if (reason === undefined) return unavailable();
  const { principal, rateLimit, credits, metadata } = response;
  const retryAfterMs = retryAfterMsOf(reason, metadata);
  return freezeDeep({
    valid: reason === "VALID",
    reason,
    message: messageOf(reason, metadata),
    ...(reason === "VALID" && principal && { principal }),
    metadata,
    ...(rateLimit && {
      rateLimit: {
        name: rateLimit.name,
        limit: rateLimit.limit,
        remaining: rateLimit.remaining,
        resetAt: dateOf(rateLimit.resetAt),
      },
    }),
    ...(credits && {
      credits: {
        remaining: credits.remaining,
        ...(credits.refillAt && { refillAt: timestampDate(credits.refillAt) }),
      },
    }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    source: "server" as const,
  });
}

function reasonOf({ valid, verdict }: VerifyTokenResponse, form: TokenForm): GuardReason | undefined {
  if (valid) return verdict === Verdict.VALID ? "VALID" : undefined;
  if (form.kind === "session" || (form.kind === "external" && verdict !== Verdict.INVALID)) {
    return ofSessions[verdict] ?? reasons[verdict];
  }
  return reasons[verdict];
}

function messageOf(reason: GuardReason, { permission }: VerifyTokenResponse["metadata"]): string {
  return reason === "PERMISSION_DENIED" && permission !== undefined
    ? `the permission ${permission} is missing`
    : messages[reason];
}

function retryAfterMsOf(
  reason: GuardReason,
  { reset_at: resetAt }: VerifyTokenResponse["metadata"],
): number | undefined {
  if (reason !== "RATE_LIMITED" && reason !== "QUOTA_EXCEEDED") return undefined;
  // A quota without a refill does not reset.
  if (resetAt === undefined) return reason === "RATE_LIMITED" ? retryUnavailableMs : undefined;
  return Math.max(0, Date.parse(resetAt) - Date.now()) || retryUnavailableMs;
}

function dateOf(timestamp: Timestamp | undefined): Date {
  return timestamp ? timestampDate(timestamp) : new Date(0);
}
