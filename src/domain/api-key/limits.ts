import type { StoredRateLimit } from "../../db/schema.ts";
import { isWithinLimits, sameLimits } from "../access/rate-limit.ts";
import { invalidField } from "../kernel/error.ts";
import type { ApiKeyRow } from "./api-key.ts";

/**
 * Fails if the limits of a key cannot change: a key that draws on the counters of another key has none of its own. Returns
 * whether the key reaches no more after the change than before.
 */
export function checkLimits(
  key: Pick<ApiKeyRow, "rate_limits" | "limited_by_key_id">,
  after: readonly StoredRateLimit[],
): boolean {
  if (sameLimits(key.rate_limits, after)) return true;
  if (key.limited_by_key_id !== null) {
    throw invalidField(
      "spec.rate_limits",
      "expected none: the key draws on the limits of the key in info.limited_by_key_id, so change that key",
    );
  }
  return isWithinLimits(after, key.rate_limits);
}
