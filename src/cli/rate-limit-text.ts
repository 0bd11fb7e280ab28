import { parseDuration } from "../config/parse.ts";
import { usageError } from "./failure.ts";

const form = /^([a-z][a-z0-9_]{0,62})=(\d{1,9})\/(\d{1,7}[smhd])(?:,cost=(\d{1,9}))?$/;

/** Returns rate limits from texts such as `requests=100/60s` and `tokens=5000/1h,cost=10`. */
export function rateLimitsOf(texts: readonly string[]) {
  return texts.map((text) => {
    const [, name = "", limit, period = "", cost] = form.exec(text) ?? [];
    const periodMs = parseDuration(period);
    if (limit === undefined || periodMs === undefined) {
      throw usageError("expected a limit such as requests=100/60s, or words=5000/1h,cost=10");
    }
    return {
      name,
      limit: Number(limit),
      period: { seconds: BigInt(periodMs / 1000) },
      ...(cost !== undefined && { cost: Number(cost) }),
    };
  });
}
