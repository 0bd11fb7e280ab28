import { parseRedisUrl, type RedisAddress } from "../verify/limits/redis/address.ts";
import { isLoopback } from "./parse.ts";
import type { Reader } from "./reader.ts";

/** Where several instances count rate limits together. */
export interface LimitSettings {
  /** Unset: in Postgres. */
  redis: RedisAddress | undefined;
}

/** Reads the settings about rate limits. */
export function readLimitSettings({ read, warnings }: Pick<Reader, "read" | "warnings">): LimitSettings {
  const redis = read(
    "LATCHKEY_REDIS_URL",
    undefined,
    parseRedisUrl,
    "a URL such as redis://user:password@host:6379/0, or rediss:// for TLS",
  );
  if (redis && !redis.tls && redis.password !== "" && !isLoopback(redis.host)) {
    warnings.push(
      `LATCHKEY_REDIS_URL has no TLS: the password of Redis travels to ${redis.host} in plain text, so use rediss://`,
    );
  }
  return { redis };
}
