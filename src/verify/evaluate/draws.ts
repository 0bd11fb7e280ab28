import type { KeyLimitsJson, StoredRateLimit } from "../../db/schema.ts";
import { limitingKey } from "../../domain/access/limited.ts";
import type { ShareText } from "./shared-texts.ts";

/** A rate limit that a verification takes from. `counter` is the id of the key or account whose counter it is. */
export interface RateLimitRule {
  /** The account of the counter. Accounts take turns at the store. */
  accountId: string;
  counter: string;
  name: string;
  limit: number;
  periodMs: number;
  /** What one verification takes if the request names no cost. */
  cost: number;
}

/** What a verification of a key takes from. Both lists are empty for people. */
export interface Draws {
  /** The limits of the key, or of the key that it draws on, and then those of its account. */
  readonly limits: readonly RateLimitRule[];
  /** The ids of the credit records, in the same order. */
  readonly credits: readonly string[];
}

/** What a key draws on, as the cache keeps it. */
export interface KeptDraws extends Draws {
  /** The other key on whose counters the key draws. */
  readonly drawsOn: string | null;
  /** The key whose limits or credits hold the key back: itself or the other one. */
  readonly limitedBy: string | null;
}

// Most credentials share these, so they take no memory.
const noLimits: readonly RateLimitRule[] = [];
const noCredits: readonly string[] = [];
const nothing: KeptDraws = { limits: noLimits, credits: noCredits, drawsOn: null, limitedBy: null };

/** Returns what a key draws on. For people and keys without limits, it returns shared empty lists. */
export function toDraws(
  { account_id: accountId, limits: json }: { account_id: string; limits?: KeyLimitsJson | null },
  keyId: string,
  share: ShareText,
): KeptDraws {
  if (!json) return nothing;
  const drawsOn = json.draws_on === null ? null : share(json.draws_on);
  const account = share(accountId);
  const toRule = (counter: string) => (stored: StoredRateLimit) => ruleOf(account, counter, stored, share);
  const limits = [...json.key.map(toRule(drawsOn ?? keyId)), ...json.account.map(toRule(account))];
  return {
    limits: limits.length > 0 ? limits : noLimits,
    credits: json.credits.length > 0 ? json.credits.map(share) : noCredits,
    drawsOn,
    limitedBy: limitingKey(json, keyId) === null ? null : (drawsOn ?? keyId),
  };
}

function ruleOf(
  accountId: string,
  counter: string,
  stored: StoredRateLimit,
  share: ShareText,
): RateLimitRule {
  const { limit, period_ms: periodMs, cost } = stored;
  return { accountId, counter, name: share(stored.name), limit, periodMs, cost };
}

/**
 * Returns what the embed sessions of a key draw on in one account: the same limits, with counters of that account. Its customers
 * would otherwise stop the key, and with it every other account.
 */
export function drawsIn(accountId: string, limits: readonly RateLimitRule[], share: ShareText): Draws {
  if (limits.length === 0) return { limits: noLimits, credits: noCredits };
  const counted = limits.map((rule) => ({
    ...rule,
    accountId,
    counter: share(`${rule.counter} ${accountId}`),
  }));
  return { limits: counted, credits: noCredits };
}

/** Returns whether a verification takes from anything. */
export function drawsOnAnything({ limits, credits }: Draws): boolean {
  return limits.length > 0 || credits.length > 0;
}
