import { DomainError } from "../../domain/kernel/error.ts";
import type { PublicLimit } from "../../verify/public-limit.ts";

/**
 * Runs an attempt that may be a guess of a secret. Each attempt spends a point of every limit before it is checked, so that
 * parallel attempts do not bypass the limits. The points of every other attempt than a wrong guess are given back.
 */
export async function limitGuesses<T>(
  keys: readonly [limit: PublicLimit, key: string][],
  attempt: () => Promise<T>,
): Promise<T> {
  for (const [limit, key] of keys) await limit.spend(key);
  let wrong = false;
  try {
    return await attempt();
  } catch (error) {
    wrong = error instanceof DomainError && error.reason === "INVALID_CREDENTIALS";
    throw error;
  } finally {
    if (!wrong) for (const [limit, key] of keys) await limit.giveBack(key);
  }
}
