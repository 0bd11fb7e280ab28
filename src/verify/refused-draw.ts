import type { Failure } from "./evaluate/verdict.ts";
import type { LimitState } from "./limits/bucket.ts";
import type { Looked } from "./look.ts";
import type { CreditState } from "./quota/draw.ts";

/** Returns the failure of a call that a rate limit refuses. */
export function rateLimited({ rule, remaining, resetAt }: LimitState): Failure {
  return {
    verdict: "RATE_LIMITED",
    metadata: {
      name: rule.name,
      limit: String(rule.limit),
      remaining: String(remaining),
      reset_at: new Date(resetAt).toISOString(),
    },
  };
}

/** Returns the failure of a call that the credits refuse. */
export function quotaExceeded(state: CreditState | undefined): Failure {
  const { limit = 0, remaining = 0, refillAt } = state ?? {};
  return {
    verdict: "QUOTA_EXCEEDED",
    metadata: {
      limit: String(limit),
      remaining: String(remaining),
      ...(refillAt && { reset_at: refillAt.toISOString() }),
    },
  };
}

/** Returns the failure of each limit that refuses, and then that of the credits. */
export function refusalsOf({ limits, credits }: Looked): Failure[] {
  const refused = limits.filter(({ retryAfterMs }) => retryAfterMs > 0).map(rateLimited);
  return credits && !credits.allowed ? [...refused, quotaExceeded(credits.state)] : refused;
}
