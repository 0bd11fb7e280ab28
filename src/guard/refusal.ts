import { Code } from "@connectrpc/connect";
import type { GuardReason, GuardVerdict } from "./types.ts";

/** The response to a refused call, for HTTP and for RPCs. It contains no token. */
export interface Refusal {
  /** The HTTP status. */
  status: number;
  /** The HTTP headers, with names in lower case. */
  headers: Record<string, string>;
  /** The HTTP body: JSON, in the format of Latchkey's own HTTP API. */
  body: string;
  /** The headers or trailers of an RPC. They are part of `headers`. */
  trailers: Record<string, string>;
  /** The code of Connect and gRPC. */
  code: Code;
  reason: string;
  message: string;
  metadata: Readonly<Record<string, string>>;
  /** When a retry may succeed, in milliseconds. */
  retryAfterMs?: number;
}

/** The code of each reason: the table in docs/errors.md. */
export const codes: Record<Exclude<GuardReason, "VALID">, Code> = {
  MISSING_API_KEY: Code.Unauthenticated,
  INVALID_API_KEY: Code.Unauthenticated,
  EXPIRED_API_KEY: Code.Unauthenticated,
  REVOKED_API_KEY: Code.Unauthenticated,
  DISABLED_API_KEY: Code.Unauthenticated,
  INVALID_SESSION: Code.Unauthenticated,
  EXPIRED_SESSION: Code.Unauthenticated,
  REVOKED_SESSION: Code.Unauthenticated,
  ACCOUNT_REQUIRED: Code.FailedPrecondition,
  ACCOUNT_MISMATCH: Code.PermissionDenied,
  ACCOUNT_SUSPENDED: Code.PermissionDenied,
  ENVIRONMENT_MISMATCH: Code.PermissionDenied,
  WORKSPACE_FORBIDDEN: Code.PermissionDenied,
  WORKSPACE_ARCHIVED: Code.PermissionDenied,
  PERMISSION_DENIED: Code.PermissionDenied,
  ENTITLEMENT_REQUIRED: Code.PermissionDenied,
  RATE_LIMITED: Code.ResourceExhausted,
  QUOTA_EXCEEDED: Code.ResourceExhausted,
  UNAVAILABLE: Code.Unavailable,
  // A mistake of the service, so its client cannot mend it.
  INVALID_FIELDS: Code.Internal,
};

const statuses: Partial<Record<Code, number>> = {
  [Code.Unauthenticated]: 401,
  [Code.FailedPrecondition]: 400,
  [Code.Internal]: 500,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.Unavailable]: 503,
};
// A client needs a hint for these reasons. A quota may never refill, so it has a hint only if the verdict has one.
const defaultRetryMs: Record<string, number | undefined> = { RATE_LIMITED: 1_000, UNAVAILABLE: 1_000 };

/** Returns the response to a token that a guard refused. A reason that this version does not know is 403. */
export function refusalOf(verdict: GuardVerdict): Refusal {
  const { reason, message, metadata } = verdict;
  const code = (codes as Record<string, Code | undefined>)[reason] ?? Code.PermissionDenied;
  const retryAfterMs = verdict.retryAfterMs ?? defaultRetryMs[reason];
  const retryAfter = retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(retryAfterMs / 1000));
  const body = JSON.stringify({ success: false, error: { code: reason, message, details: metadata } });
  const trailers = {
    ...(code === Code.Unauthenticated && { "www-authenticate": challengeFor(reason) }),
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...rateLimitFields(verdict, retryAfter),
  };
  const headers = {
    "content-type": "application/json",
    "content-length": String(new TextEncoder().encode(body).length),
    "cache-control": "no-store",
    ...trailers,
  };
  const status = statuses[code] ?? 403;
  const hint = retryAfterMs !== undefined && { retryAfterMs };
  return { status, headers, body, trailers, code, reason, message, metadata, ...hint };
}

// RFC 6750, 3.1: a request without a token gets no error code.
function challengeFor(reason: string): string {
  return `Bearer realm="latchkey"${reason === "MISSING_API_KEY" ? "" : ', error="invalid_token"'}`;
}

// The fields of draft-ietf-httpapi-ratelimit-headers. `Retry-After` must not be earlier than `t`.
function rateLimitFields(
  { rateLimit }: GuardVerdict,
  retryAfter: number | undefined,
): Record<string, string> {
  if (!rateLimit || !/^[a-z0-9_]+$/.test(rateLimit.name)) return {};
  const { name, limit, remaining, resetAt } = rateLimit;
  const reset = Math.max(0, Math.ceil((resetAt.getTime() - Date.now()) / 1000));
  const seconds = Math.min(reset, retryAfter ?? reset);
  return { ratelimit: `"${name}";r=${remaining};t=${seconds}`, "ratelimit-policy": `"${name}";q=${limit}` };
}
