import type { GuardReason, GuardVerdict } from "./types.ts";

/** How long a client waits before it tries again if the guard cannot prove anything about its token, in milliseconds. */
export const retryUnavailableMs = 1_000;

/** The sentence of each reason for the client of the service. */
export const messages: Record<GuardReason, string> = {
  VALID: "the bearer is accepted",
  MISSING_API_KEY: "send `Authorization: Bearer <token>`",
  INVALID_API_KEY: "the bearer is unknown, wrong or malformed",
  EXPIRED_API_KEY: "the bearer has expired",
  REVOKED_API_KEY: "the bearer was revoked",
  DISABLED_API_KEY: "the API key is disabled",
  INVALID_SESSION: "the bearer is unknown, wrong or malformed",
  EXPIRED_SESSION: "the bearer has expired",
  REVOKED_SESSION: "the bearer was revoked",
  ACCOUNT_REQUIRED: "the bearer belongs to several accounts, and the request names none of them",
  ACCOUNT_MISMATCH: "the bearer does not belong to this account",
  ACCOUNT_SUSPENDED: "the account is suspended",
  ENVIRONMENT_MISMATCH: "the API key belongs to another environment",
  WORKSPACE_FORBIDDEN: "the bearer may not enter this workspace",
  WORKSPACE_ARCHIVED: "the workspace is archived",
  PERMISSION_DENIED: "a permission is missing",
  ENTITLEMENT_REQUIRED: "the account's plan does not include this",
  RATE_LIMITED: "too many calls: retry later",
  QUOTA_EXCEEDED: "the quota is spent",
  UNAVAILABLE: "the bearer cannot be verified now: retry later",
  INVALID_FIELDS: "the requirements of this call are malformed",
};

/** Returns a refusal that the guard makes itself. */
export function refused(
  reason: GuardReason,
  { metadata = {}, retryAfterMs }: { metadata?: Record<string, string>; retryAfterMs?: number } = {},
): GuardVerdict {
  return Object.freeze({
    valid: false,
    reason,
    message: messages[reason],
    metadata: Object.freeze(metadata),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    source: "guard",
  });
}

/** Returns the refusal of a token about which the guard can prove nothing now. */
export function unavailable(retryAfterMs: number = retryUnavailableMs): GuardVerdict {
  return refused("UNAVAILABLE", { retryAfterMs });
}
