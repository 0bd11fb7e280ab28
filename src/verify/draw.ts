import type { Evaluation } from "./evaluate/evaluate.ts";
import type { Failure } from "./evaluate/verdict.ts";
import type { LimitState } from "./limits/bucket.ts";
import type { Limiter } from "./limits/limiter.ts";
import type { Taken } from "./limits/store.ts";
import type { CreditState } from "./quota/draw.ts";
import type { Quotas } from "./quota/quotas.ts";

/** How a verification draws on limits and credits. */
export interface DrawHow {
  /** What it takes. Unset: the own cost of each rate limit, and one credit. */
  cost: number | undefined;
  /** If true, it takes nothing, and fails as if it did. */
  dryRun: boolean;
}

/** An evaluation after it drew on what its key has. */
export interface Drawing {
  /** The evaluation. If a limit or the credits refuse it, it fails with `RATE_LIMITED` or `QUOTA_EXCEEDED`. */
  evaluation: Evaluation;
  /** The rate limit that refuses, or has the least left. */
  limit?: LimitState;
  /** The credits that have the least left. */
  credits?: CreditState;
}

/** Takes from the limits and credits of a token that is valid. It answers at once if there are none, or if the memory decides. */
export type DrawStep = (evaluation: Evaluation, how: DrawHow) => Drawing | Promise<Drawing>;

/** What the step depends on. */
export interface DrawDeps {
  limiter: Limiter;
  quotas: Quotas;
}

/**
 * Creates the step. It takes from the rate limits first, because they answer faster. If the credits then refuse or fail, it gives
 * back what it took from the rate limits.
 */
export function createDrawStep({ limiter, quotas }: DrawDeps): DrawStep {
  return (evaluation, how) => {
    const { draws, principal } = evaluation;
    if (!draws || !principal || evaluation.failures.length > 0) return { evaluation };
    const { limits, credits } = draws;
    const taken = limits.length === 0 ? undefined : limitsOf(limiter, evaluation, how);
    if (taken instanceof Promise) return taken.then((one) => afterLimits(one));
    return afterLimits(taken);

    function afterLimits(taken: Taken | undefined): Drawing | Promise<Drawing> {
      const limit = taken?.states[0];
      const drawing: Drawing = { evaluation, ...(limit && { limit }) };
      const refused = taken && limit && !taken.allowed ? fail(drawing, rateLimited(limit)) : undefined;
      if (credits.length === 0 || (refused && !how.dryRun)) return refused ?? drawing;
      return drawCredits(refused ?? drawing);
    }

    async function drawCredits(drawing: Drawing): Promise<Drawing> {
      const { cost = 1, dryRun } = how;
      const accountId = principal?.accountId ?? "";
      const giveBack = () => (dryRun ? undefined : limiter.giveBack(limits, how.cost));
      let drawn: Awaited<ReturnType<Quotas["draw"]>>;
      try {
        drawn = await quotas.draw({ accountId, ids: credits, cost, dryRun });
      } catch (error) {
        await giveBack();
        throw error;
      }
      const withCredits: Drawing = { ...drawing, ...(drawn.state && { credits: drawn.state }) };
      if (drawn.allowed) return withCredits;
      await giveBack();
      return fail(withCredits, quotaExceeded(drawn.state));
    }
  };
}

function limitsOf(
  limiter: Limiter,
  { draws }: Evaluation,
  { cost, dryRun }: DrawHow,
): Taken | Promise<Taken> {
  const limits = draws?.limits ?? [];
  return dryRun ? limiter.look(limits, cost) : limiter.take(limits, cost);
}

function fail(drawing: Drawing, failure: Failure): Drawing {
  const { evaluation } = drawing;
  return { ...drawing, evaluation: { ...evaluation, failures: [...evaluation.failures, failure] } };
}

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

function quotaExceeded(state: CreditState | undefined): Failure {
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
