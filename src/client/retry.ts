import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { hasNoHost, type LatchkeyError, wasNotSent } from "./error.ts";

/** The first waiting time is at most this long. Each further one is at most twice as long as the one before. */
export const baseDelayMs = 100;

/** No waiting time is longer, unless the server names a longer one. */
export const maxDelayMs = 5_000;

/** Returns whether a retry of a call that may have succeeded is safe, by the schema and by the request. */
export function isRepeatable(method: DescMethodUnary, input: object): boolean {
  if (
    method.idempotency !== undefined &&
    method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN
  )
    return true;
  return "requestId" in input && typeof input.requestId === "string" && input.requestId !== "";
}

/**
 * Returns how long to wait before the next attempt, or undefined if another attempt would be unsafe or useless. `attempt` counts
 * from 0. `random` is from 0 to 1: the waiting time is random up to its maximum, so that many clients do not retry at the same moment.
 */
export function delayBeforeRetry(
  error: LatchkeyError,
  repeatable: boolean,
  attempt: number,
  random: number,
): number | undefined {
  if (!isWorthRetrying(error, repeatable)) return undefined;
  const backOff = random * Math.min(maxDelayMs, baseDelayMs * 2 ** attempt);
  return (error.retryAfterMs ?? 0) + backOff;
}

function isWorthRetrying(error: LatchkeyError, repeatable: boolean): boolean {
  // The server refuses such a call before it does anything.
  if (error.reason === "RATE_LIMITED") return error.retryAfterMs !== undefined;
  if (wasNotSent(error)) return true;
  if (!repeatable || error.reason === "UNTRUSTED_CERTIFICATE" || hasNoHost(error)) return false;
  return error.code === Code.Unavailable || error.reason === "CONFLICT";
}
