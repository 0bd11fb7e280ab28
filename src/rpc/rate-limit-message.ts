import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { RateLimit, RateLimitSchema } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { StoredRateLimit } from "../db/schema.ts";
import type { NewRateLimit } from "../domain/access/rate-limit.ts";

/** Returns the message of a rate limit. */
export function rateLimitMessage({
  name,
  limit,
  period_ms,
  cost,
}: StoredRateLimit): MessageInitShape<typeof RateLimitSchema> {
  return { name, limit, period: durationFromMs(period_ms), cost };
}

/** Returns the rate limits that a request sets. */
export function newRateLimits(limits: readonly RateLimit[]): NewRateLimit[] {
  return limits.map(({ name, limit, period, cost }) => ({
    name,
    limit,
    periodMs: period ? durationMs(period) : 0,
    cost,
  }));
}
