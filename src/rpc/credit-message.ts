import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CreditRefill,
  type CreditStatusSchema,
  type Credits,
  type CreditsSchema,
} from "../../gen/latchkey/v1/credit_pb.ts";
import type { NewCredits } from "../domain/credit/change.ts";
import type { Refill, Credits as StoredCredits } from "../domain/credit/credit.ts";
import type { CreditState } from "../verify/quota/draw.ts";
import { timestamp } from "./messages.ts";

const refills: Record<Refill, CreditRefill> = { daily: CreditRefill.DAILY, monthly: CreditRefill.MONTHLY };

/** Returns the message of credits. */
export function creditsMessage(credits: StoredCredits): MessageInitShape<typeof CreditsSchema> {
  const { remaining, refill_amount, refill, next_refill_at } = credits;
  return {
    remaining,
    refillAmount: refill_amount ?? 0,
    refill: refill === null ? CreditRefill.UNSPECIFIED : refills[refill],
    nextRefillAt: timestamp(next_refill_at === null ? null : new Date(next_refill_at)),
  };
}

/** Returns what is left of credits after a verification. */
export function creditStatus({
  remaining,
  refillAt,
}: CreditState): MessageInitShape<typeof CreditStatusSchema> {
  return { remaining, refillAt: timestamp(refillAt) };
}

/** Returns the credits that a request sets. */
export function creditsOf(message: Credits | undefined): NewCredits {
  const { remaining = 0, refillAmount = 0, refill } = message ?? {};
  return { remaining, refillAmount, refill: refillOf(refill) };
}

function refillOf(refill: CreditRefill | undefined): Refill | undefined {
  if (refill === CreditRefill.DAILY) return "daily";
  return refill === CreditRefill.MONTHLY ? "monthly" : undefined;
}
