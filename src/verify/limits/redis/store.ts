import { hash } from "node:crypto";
import { decodeAnswers, encodeCalls } from "../encode.ts";
import type { SharedStore } from "../store.ts";
import type { RedisAddress } from "./address.ts";
import { createRedisClient } from "./client.ts";
import { mergeScript, takeScript } from "./script.ts";

// The braces make a cluster of Redis keep all counters in one slot, because a call may need several of them at once.
const prefix = "latchkey:{limits}:";

const defaultTimeoutMs = 250;

/** Creates the store in Redis. One script runs a batch. */
export function createRedisStore(address: RedisAddress, timeoutMs = defaultTimeoutMs): SharedStore {
  const client = createRedisClient(address, timeoutMs);

  async function evaluate(
    script: string,
    keys: readonly string[],
    values: readonly number[],
  ): Promise<unknown> {
    const rest = [keys.length, ...keys.map((key) => prefix + key), ...values];
    try {
      return await client.command("EVALSHA", hash("sha1", script), ...rest);
    } catch (error) {
      // Redis does not know the script yet, or it was restarted. Nothing ran.
      if (!(error instanceof Error) || !error.message.includes("NOSCRIPT")) throw error;
      return client.command("EVAL", script, ...rest);
    }
  }

  return {
    name: "redis",
    async run(calls) {
      if (calls.length === 0) return [];
      const { keys, limits, rates, calls: numbers, slots, amounts, needs } = encodeCalls(calls);
      const perKey = keys.flatMap((_, index) => [limits[index] ?? 0, rates[index] ?? 0]);
      const perPair = numbers.flatMap((call, index) => [
        call,
        slots[index] ?? 0,
        amounts[index] ?? 0,
        needs[index] ?? 0,
      ]);
      const reply = await evaluate(takeScript, keys, [numbers.length, ...perKey, ...perPair]);
      if (!Array.isArray(reply) || reply.length !== 2 * numbers.length) {
        throw new Error("Redis replied something else than the levels of counters");
      }
      const levels = numbers.map((_, index) => Number(reply[2 * index]));
      const allowed = numbers.map((_, index) => reply[2 * index + 1] === 1);
      return decodeAnswers(calls, levels, allowed);
    },
    async merge(counters) {
      if (counters.length === 0) return;
      const keys = counters.map(({ key }) => key);
      await evaluate(
        mergeScript,
        keys,
        counters.flatMap(({ level, perMs }) => [level, perMs]),
      );
    },
    async ping() {
      await client.command("PING");
    },
    close: client.close,
  };
}
