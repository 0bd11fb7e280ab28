import type { RateLimitRule } from "../evaluate/draws.ts";

/** Returns the name of the counter of a rule in a store. */
export function counterKey({ counter, name }: Pick<RateLimitRule, "counter" | "name">): string {
  return `${counter} ${name}`;
}

/** Returns `counterKey`, which keeps the names. A rule lives as long as the entry of its key in the cache. */
export function createCounterKeys(): (rule: RateLimitRule) => string {
  const keys = new WeakMap<RateLimitRule, string>();
  return (rule) => {
    const known = keys.get(rule);
    if (known !== undefined) return known;
    const key = counterKey(rule);
    keys.set(rule, key);
    return key;
  };
}
