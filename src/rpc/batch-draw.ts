import { DomainError } from "../domain/kernel/error.ts";
import type { Drawing } from "../verify/draw.ts";
import type { Evaluation } from "../verify/evaluate/evaluate.ts";

/** What one token of a batch has drawn. `unavailable`: its credits cannot be taken now, so it has no verdict. */
export type BatchDrawing = Drawing & { unavailable?: true };

/**
 * Waits for the draws of all tokens of a batch. A token whose credits cannot be taken now does not fail the others, because
 * what they took would be lost. Fails if no token has a result.
 */
export async function drawTogether(
  evaluations: readonly Evaluation[],
  draws: readonly (Drawing | Promise<Drawing>)[],
): Promise<BatchDrawing[]> {
  if (draws.length === 1) return Promise.all(draws);
  const settled = await Promise.allSettled(draws);
  const failed = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const unexpected = failed.find((error) => !isUnavailable(error));
  if (unexpected !== undefined) throw unexpected;
  if (failed.length > 0 && failed.length === settled.length) throw failed[0];
  return evaluations.map((evaluation, index) => {
    const one = settled[index];
    return one?.status === "fulfilled" ? one.value : { evaluation, unavailable: true };
  });
}

/** Returns the metadata of a token without a verdict. */
export function unavailableMetadata({ principal }: Evaluation): Record<string, string> {
  const keyId = principal?.keyId;
  return { reason: "UNAVAILABLE", ...(keyId !== undefined && { key_id: keyId }) };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "UNAVAILABLE";
}
