import type { StoredRateLimit } from "../../db/schema.ts";
import { refuseLimited } from "../access/limited.ts";
import type { Caller } from "../access/principal.ts";
import { isWithinLimits, sameLimits } from "../access/rate-limit.ts";
import { invalidField } from "../kernel/error.ts";
import type { ApiKeyRow } from "./api-key.ts";

/**
 * Fails if the caller cannot change the limits of a key. A key that draws on the limits of another key has none of its own,
 * and a caller with limits changes none. Returns whether the key reaches no more after the change than before.
 */
export function checkLimits(
  caller: Caller,
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
  refuseLimited(caller);
  return isWithinLimits(after, key.rate_limits);
}

/**
 * Returns the key on whose limits and credits a new key of the caller draws. Fails if that new key would also have limits of
 * its own. A key of the platform that acts for a tenant has no key there, so there it returns null.
 */
export function drawnOn({ home, limitedBy }: Caller, own: readonly StoredRateLimit[]): string | null {
  if (home || limitedBy === undefined) return null;
  if (own.length > 0) {
    throw invalidField(
      "spec.rate_limits",
      "expected none: your key has rate limits or credits, so the new key draws on those",
    );
  }
  return limitedBy;
}
