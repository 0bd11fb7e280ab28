import type { RateLimitRule } from "../evaluate/draws.ts";

/** Returns the name of the counter of a rule in a store. */
export function counterKey({ counter, name }: Pick<RateLimitRule, "counter" | "name">): string {
  return `${counter} ${name}`;
}
