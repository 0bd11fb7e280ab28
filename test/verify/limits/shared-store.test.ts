import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../src/verify/limits/memory.ts";
import { createPostgresStore } from "../../../src/verify/limits/postgres-store.ts";
import type { RedisAddress } from "../../../src/verify/limits/redis/address.ts";
import { createRedisClient } from "../../../src/verify/limits/redis/client.ts";
import { createRedisStore } from "../../../src/verify/limits/redis/store.ts";
import type { LimitAnswer, LimitCall, SharedStore } from "../../../src/verify/limits/store.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database/database.ts";
import { skipWithoutRedis, startRedis, type TestRedis } from "../../support/limits/redis.ts";
import { rule } from "../../support/limits/rule.ts";
import { runs } from "../../support/random.ts";

let database: TestDatabase;
let redis: TestRedis | undefined;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startRedis().catch(() => undefined);
});
afterAll(async () => {
  await redis?.stop();
  await database.drop();
});

const stores: Record<string, () => SharedStore> = {
  postgres: () => createPostgresStore(database.db),
  redis: () => createRedisStore(addressOfRedis(), 10_000),
};

// Makes the time of a counter earlier, as if the clock of the store had moved on by so much. A negative time is a step back.
const moveClock: Record<string, (key: string, ms: number) => Promise<unknown>> = {
  postgres: (key, ms) =>
    sql`update rate_limit_counter set at = at - ${ms}::float8 where key = ${key}`.execute(database.db),
  async redis(key, ms) {
    const client = createRedisClient(addressOfRedis(), 10_000);
    const stored = await client.command("GET", `latchkey:{limits}:${key}`);
    const [level, at] = String(stored ?? "").split(" ");
    if (stored !== null) {
      await client.command("SET", `latchkey:{limits}:${key}`, `${level} ${Number(at) - ms}`);
    }
    client.close();
  },
};

function addressOfRedis(): RedisAddress {
  if (!redis) throw new Error("Redis is not installed");
  return redis.address;
}

// So long that nothing drains while a test runs.
const longMs = 31 * 24 * 3_600_000;
const take = (limit: number, counter: string, more: Partial<LimitCall> = {}): LimitCall => ({
  action: "take",
  rules: [rule(limit, longMs, { counter })],
  cost: undefined,
  ...more,
});
const accepted = (answers: LimitAnswer[]) => answers.filter(({ allowed }) => allowed).length;

const anyCall = fc.record({
  action: fc.constantFrom("take" as const, "take" as const, "give back" as const, "look" as const),
  rules: fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 3 }),
  cost: fc.option(fc.nat(5), { nil: undefined }),
});

// Runs the batches in a store and in memory, and compares the decisions and the levels.
async function compare(
  store: SharedStore,
  key: string,
  batches: (typeof anyCall extends fc.Arbitrary<infer T> ? T : never)[][],
) {
  const rules = [0, 1, 2, 3].map((n) =>
    rule(n + 5, longMs, { counter: key, name: `limit_${n}`, cost: (n % 2) + 1 }),
  );
  const memory = createMemoryStore({
    maxCounters: 9,
    now: () => 0,
    wallTime: () => 0,
    onForgotten: () => {},
  });
  for (const batch of batches) {
    const calls = batch.map((one) => ({ ...one, rules: one.rules.flatMap((place) => rules[place] ?? []) }));
    const answers = await store.run(calls);
    for (const [index, { action, rules: named, cost }] of calls.entries()) {
      const answer = answers[index];
      if (action === "give back") memory.giveBack(named, cost);
      const expected = action === "take" ? memory.take(named, cost) : memory.look(named, cost);
      if (action !== "give back") expect(answer?.allowed).toBe(expected.allowed);
      for (const [place, one] of named.entries()) {
        const state = expected.states.find((state) => state.rule === one);
        expect(one.limit - (answer?.levels[place] ?? 0)).toBeCloseTo(state?.remaining ?? -1, 2);
      }
    }
  }
}

const anyStep = fc.record({
  hours: fc.integer({ min: -2_000, max: 800 }),
  calls: fc.integer({ min: 1, max: 12 }),
});

// Makes calls while the clock moves, and compares how many were accepted. A step back drains nothing. A refused call writes the
// counter only if it comes after a step back to before the last write, so a later step counts from the last write.
async function compareWithClock(
  store: SharedStore,
  counter: string,
  move: (ms: number) => unknown,
  steps: { hours: number; calls: number }[],
) {
  const limit = 10;
  let [now, writtenAt, level] = [0, 0, 0];
  for (const { hours, calls } of steps) {
    const ms = hours * 3_600_000;
    await move(ms);
    now += ms;
    const drained = Math.max(0, level - (Math.max(0, now - writtenAt) * limit) / longMs);
    const expected = Math.min(calls, Math.floor(limit - drained + 1e-3));
    const answers = await store.run(Array.from({ length: calls }, () => take(limit, counter)));
    expect(accepted(answers)).toBe(expected);
    if (expected > 0 || now < writtenAt) [writtenAt, level] = [now, drained + expected];
  }
}

describe.each(Object.keys(stores))("the store in %s", (name) => {
  const open = () => stores[name]?.() as SharedStore;

  test("decides every sequence of calls as the memory does", async (context) => {
    if (name === "redis") await skipWithoutRedis(context);
    const store = open();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyCall, { maxLength: 20 }), { maxLength: 4 }), (batches) => {
        run += 1;
        return compare(store, `key_${name}_${run}`, batches);
      }),
      { numRuns: runs(20) },
    );
    store.close();
  });

  test("accepts no call too many when two instances take at once", async (context) => {
    if (name === "redis") await skipWithoutRedis(context);
    const [one, other] = [open(), open()];
    const batches = Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? one : other).run(Array.from({ length: 10 }, () => take(37, "key_both"))),
    );
    const answers = (await Promise.all(batches)).flat();
    expect(accepted(answers)).toBe(37);
    one.close();
    other.close();
  });

  test("drains by the time of the store", async (context) => {
    if (name === "redis") await skipWithoutRedis(context);
    const store = open();
    const [one] = [rule(1_000, 1_000, { counter: "key_drains" })];
    const [full] = await store.run([{ action: "take", rules: [one], cost: 1_000 }]);
    expect(full?.levels[0]).toBe(1_000);
    // 1 per millisecond drains. Each call takes time, so a few of them see less and less.
    await expect
      .poll(async () => (await store.run([{ action: "look", rules: [one], cost: 0 }]))[0]?.levels[0])
      .toBeLessThan(990);
    store.close();
  });

  test("drains from the first call after its clock stepped back, and never earlier", async (context) => {
    if (name === "redis") await skipWithoutRedis(context);
    const store = open();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 8 }), (steps) => {
        run += 1;
        const counter = `key_clock_${name}_${run}`;
        return compareWithClock(store, counter, (ms) => moveClock[name]?.(`${counter} calls`, ms), steps);
      }),
      { numRuns: runs(20) },
    );
    store.close();
  });

  test("raises a counter that is handed over, and never lowers one", async (context) => {
    if (name === "redis") await skipWithoutRedis(context);
    const store = open();
    const key = "key_merged calls";
    await store.merge([{ key, level: 6, perMs: 10 / longMs }]);
    await store.merge([{ key, level: 4, perMs: 10 / longMs }]);
    const answers = await store.run(Array.from({ length: 10 }, () => take(10, "key_merged")));
    expect(accepted(answers)).toBe(4);
    store.close();
  });
});

test("Postgres returns what has not drained, and removes the rest", async () => {
  const store = createPostgresStore(database.db);
  await store.merge([
    { key: "key_stays a", level: 5, perMs: 1e-9 },
    { key: "key_drained a", level: 1e-6, perMs: 1 },
  ]);
  await expect.poll(() => store.removeDrained(1_000)).toBeGreaterThan(0);
  const keys = (await store.load(10_000)).map(({ key }) => key);
  expect(keys).toContain("key_stays a");
  expect(keys).not.toContain("key_drained a");
});

test("more counters than one page are restored, up to the maximum", async () => {
  const store = createPostgresStore(database.db);
  const counters = Array.from({ length: 2_500 }, (_, n) => ({
    key: `key_page_${n} a`,
    level: 1,
    perMs: 1e-9,
  }));
  await store.merge(counters);
  const keys = new Set((await store.load(100_000)).map(({ key }) => key));
  expect(counters.filter(({ key }) => !keys.has(key))).toEqual([]);
  expect((await store.load(1_500)).length).toBeLessThan(2_500);
});
