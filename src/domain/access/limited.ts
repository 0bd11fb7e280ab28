import type { KeyLimitsJson } from "../../db/schema.ts";
import { DomainError } from "../kernel/error.ts";
import type { Principal } from "./principal.ts";

/**
 * Returns the key whose rate limits or credits hold a key back: the key itself, or the one that it draws on. Null if there are
 * none. The limits of the account do not count, because they hold back every key of the account.
 */
export function limitingKey(limits: KeyLimitsJson | null | undefined, keyId: string): string | null {
  if (!limits) return null;
  const root = limits.draws_on ?? keyId;
  return limits.key.length > 0 || limits.credits.includes(root) ? root : null;
}

/** Fails if the caller is a key with rate limits or credits, because such a key cannot change the limits of any key. */
export function refuseLimited({ limitedBy }: Pick<Principal, "limitedBy">): void {
  if (limitedBy === undefined) return;
  throw new DomainError(
    "PERMISSION_DENIED",
    "your key has rate limits or credits, so it cannot change limits or credits",
    { permission: "api_keys:write", limited_by_key_id: limitedBy },
  );
}
