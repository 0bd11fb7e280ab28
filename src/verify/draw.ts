import type { Evaluation } from "./evaluate/evaluate.ts";
import type { Failure } from "./evaluate/verdict.ts";
import type { LimitState } from "./limits/bucket.ts";
import type { Limiter } from "./limits/limiter.ts";
import type { Taken } from "./limits/store.ts";
import { type Looked, look } from "./look.ts";
import type { CreditState } from "./quota/draw.ts";
import type { Quotas } from "./quota/quotas.ts";
import { quotaExceeded, rateLimited, refusalsOf } from "./refused-draw.ts";

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
  /** Of a dry run: all limits and credits of the token. */
  looked?: Looked;
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
export function createDrawStep(deps: DrawDeps): DrawStep {
  const { limiter, quotas } = deps;
  return (evaluation, how) => {
    if (how.dryRun) return look(deps, evaluation, how.cost).then((looked) => afterLook(evaluation, looked));
    const { draws, principal } = evaluation;
    if (!draws || !principal || evaluation.failures.length > 0) return { evaluation };
    const { limits, credits } = draws;
    const taken = limits.length === 0 ? undefined : limiter.take(limits, how.cost);
    if (taken instanceof Promise) return taken.then((one) => afterLimits(one));
    return afterLimits(taken);

    function afterLimits(taken: Taken | undefined): Drawing | Promise<Drawing> {
      const limit = taken?.states[0];
      const drawing: Drawing = { evaluation, ...(limit && { limit }) };
      const refused = taken && limit && !taken.allowed ? fail(drawing, rateLimited(limit)) : undefined;
      return refused ?? (credits.length === 0 ? drawing : drawCredits(drawing));
    }

    async function drawCredits(drawing: Drawing): Promise<Drawing> {
      const { cost = 1 } = how;
      const accountId = principal?.accountId ?? "";
      const giveBack = () => (limits.length === 0 ? undefined : limiter.giveBack(limits, how.cost));
      let drawn: Awaited<ReturnType<Quotas["draw"]>>;
      try {
        drawn = await quotas.draw({ accountId, ids: credits, cost });
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

// Of a token that other rules refuse, the response has no state of a limit. Only the explanation has it.
function afterLook(evaluation: Evaluation, looked: Looked | undefined): Drawing {
  if (!looked) return { evaluation };
  const refusals = refusalsOf(looked);
  const failures = [...evaluation.failures, ...refusals];
  const [limit] = looked.limits;
  return {
    evaluation: refusals.length > 0 ? { ...evaluation, failures } : evaluation,
    ...(evaluation.failures.length === 0 && {
      ...(limit && { limit }),
      ...(looked.credits?.state && { credits: looked.credits.state }),
    }),
    looked,
  };
}

function fail(drawing: Drawing, failure: Failure): Drawing {
  const { evaluation } = drawing;
  return { ...drawing, evaluation: { ...evaluation, failures: [...evaluation.failures, failure] } };
}
