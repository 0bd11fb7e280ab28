import { DomainError } from "../../domain/kernel/error.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import type { LimitState } from "../../verify/limits/bucket.ts";
import type { Limiter } from "../../verify/limits/limiter.ts";
import type { Taken } from "../../verify/limits/store.ts";
import { rateLimited } from "../../verify/refused-draw.ts";
import type { Arrival } from "./context.ts";

/**
 * Takes from the rate limits of the key that makes a call. Fails with `RATE_LIMITED` if one of them refuses. The response has the
 * fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers). Credits are for verifications only.
 * Returns undefined if it has finished.
 */
export function takeOwnLimits(
  limiter: Pick<Limiter, "take">,
  { responseHeader }: Pick<Arrival, "responseHeader">,
  { draws }: Evaluation,
): Promise<void> | undefined {
  if (!draws || draws.limits.length === 0) return undefined;
  const taken = limiter.take(draws.limits, undefined);
  if (taken instanceof Promise) return taken.then(apply);
  apply(taken);
  return undefined;

  function apply({ allowed, states }: Taken): void {
    responseHeader.set("ratelimit-policy", states.map(policyField).join(", "));
    responseHeader.set("ratelimit", states.map(stateField).join(", "));
    const [first] = states;
    if (allowed || !first) return;
    const { metadata } = rateLimited(first);
    const { limit, name } = metadata;
    throw new DomainError(
      "RATE_LIMITED",
      `the rate limit "${name}" of this key allows ${limit} calls in ${first.rule.periodMs / 1000} s: retry after reset_at`,
      metadata,
    );
  }
}

function policyField(state: LimitState): string {
  const { limit, periodMs } = state.rule;
  return `${policyName(state)};q=${limit};w=${Math.ceil(periodMs / 1000)}`;
}

function stateField(state: LimitState): string {
  const seconds = Math.max(0, Math.ceil((state.resetAt - Date.now()) / 1000));
  return `${policyName(state)};r=${state.remaining};t=${seconds}`;
}

// A limit of the account may have the same name as one of the key. The names of policies differ.
function policyName({ rule: { counter, name } }: LimitState): string {
  return counter.startsWith("acct_") ? `"account:${name}"` : `"${name}"`;
}
