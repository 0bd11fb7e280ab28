import type { Draws } from "./evaluate/draws.ts";
import type { Evaluation } from "./evaluate/evaluate.ts";
import { isAlive } from "./evaluate/verdict.ts";
import type { LimitState } from "./limits/bucket.ts";
import type { Limiter } from "./limits/limiter.ts";
import type { Drawn } from "./quota/draw.ts";
import type { Quotas } from "./quota/quotas.ts";

/** The limits and credits of a token, and what they would answer to a verification now. */
export interface Looked {
  /** Every limit: first those that refuse. */
  limits: readonly LimitState[];
  /** Unset if the token draws on no credits. */
  credits: Drawn | undefined;
}

/**
 * Looks at the limits and credits of a token, and takes nothing. It also looks if other rules refuse the token, but not at those
 * of a token that is not alive. Returns undefined if there are none.
 */
export async function look(
  { limiter, quotas }: { limiter: Pick<Limiter, "look">; quotas: Quotas },
  evaluation: Evaluation,
  cost: number | undefined,
): Promise<Looked | undefined> {
  const draws = drawsOf(evaluation);
  if (!draws || !isAlive(evaluation.failures)) return undefined;
  const accountId = evaluation.principal?.accountId ?? "";
  const [taken, credits] = await Promise.all([
    draws.limits.length > 0 ? limiter.look(draws.limits, cost) : undefined,
    draws.credits.length > 0
      ? quotas.draw({ accountId, ids: draws.credits, cost: cost ?? 1, dryRun: true })
      : undefined,
  ]);
  return { limits: taken?.states ?? [], credits };
}

// An evaluation has its draws only if no rule fails.
function drawsOf({ draws, basis, principal }: Evaluation): Draws | undefined {
  const access = basis?.credential?.openings.find((one) => one.account_id === principal?.accountId);
  const found = draws ?? access;
  return found && found.limits.length + found.credits.length > 0 ? found : undefined;
}
