import { afterAll, beforeAll, expect, test } from "vitest";
import { createPostgresStore } from "../../../src/verify/limits/postgres-store.ts";
import { createRedisStore } from "../../../src/verify/limits/redis/store.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database/database.ts";
import {
  newRule,
  type StartOptions,
  startLimiter,
  type TestLimiter,
  takeAll,
  until,
} from "../../support/limits/limiter.ts";
import { skipWithoutRedis, startRedis } from "../../support/limits/redis.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const saved = () => createPostgresStore(database.db);
const start = (alone: boolean, more: Partial<StartOptions> = {}) =>
  startLimiter(alone, { saved: saved(), ...more });

test("the only instance answers at once, and restores its counters after a restart", async () => {
  const limit = newRule(10);
  const before = start(true);
  await until(before, "memory");
  for (let n = 0; n < 7; n++) expect(before.limiter.take([limit], 1)).toMatchObject({ allowed: true });
  await before.limiter.close();
  const after = start(true);
  await until(after, "memory");
  expect(await takeAll(after, limit, 10)).toBe(3);
  await after.limiter.close();
});

test("two instances together accept what the limit allows", async () => {
  const limit = newRule(25);
  const [one, other] = [start(false), start(false)];
  const taken = await Promise.all([takeAll(one, limit, 40), takeAll(other, limit, 40)]);
  expect(taken[0] + taken[1]).toBe(25);
  expect(new Set([...one.state.decided, ...other.state.decided])).toEqual(new Set(["postgres"]));
  await Promise.all([one.limiter.close(), other.limiter.close()]);
});

test("what the only instance counted counts for an instance that starts beside it", async () => {
  const limit = newRule(10);
  const one = start(true);
  await until(one, "memory");
  expect(await takeAll(one, limit, 6)).toBe(6);
  one.state.alone = false;
  await until(one, "postgres");
  const other = start(false);
  await expect.poll(async () => (await other.limiter.look([limit], 0)).states[0]?.remaining).toBe(4);
  expect(await takeAll(other, limit, 10)).toBe(4);
  await Promise.all([one.limiter.close(), other.limiter.close()]);
});

test("an instance that becomes the only one keeps what the others counted", async () => {
  const limit = newRule(10);
  const [one, other] = [start(false), start(false)];
  expect(await takeAll(other, limit, 6)).toBe(6);
  await other.limiter.close();
  one.state.alone = true;
  await until(one, "memory");
  expect(await takeAll(one, limit, 10)).toBe(4);
  await one.limiter.close();
});

test("an instance that becomes the only one while it restores counters loads them again", async () => {
  const limit = newRule(10);
  const stored = saved();
  const first = Promise.withResolvers<void>();
  let loads = 0;
  const one = start(false, {
    saved: {
      ...stored,
      async load(max) {
        loads += 1;
        const loaded = await stored.load(max);
        if (loads === 1) await first.promise;
        return loaded;
      },
    },
  });
  const other = start(false);
  expect(await takeAll(other, limit, 6)).toBe(6);
  await other.limiter.close();
  one.state.alone = true;
  first.resolve();
  await until(one, "memory");
  expect(loads).toBe(2);
  expect(await takeAll(one, limit, 10)).toBe(4);
  await one.limiter.close();
});

test("what is given back can be taken again, in memory and in the shared store", async () => {
  for (const alone of [true, false]) {
    const one = start(alone);
    await until(one, alone ? "memory" : "postgres");
    const limit = newRule(3);
    expect(await takeAll(one, limit, 5)).toBe(3);
    await one.limiter.giveBack([limit], 2);
    expect(await takeAll(one, limit, 5)).toBe(2);
    await one.limiter.close();
  }
});

test("Redis that ends in the middle of a burst causes no error, and no more than the limit per instance", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const [one, other] = [0, 1].map(() => start(false, { store: createRedisStore(redis.address, 10_000) })) as [
    TestLimiter,
    TestLimiter,
  ];
  const limit = newRule(100);
  expect(await takeAll(one, limit, 30)).toBe(30);
  const burst = [takeAll(one, limit, 200), takeAll(other, limit, 200)];
  await redis.stop();
  const [first = 0, second = 0] = await Promise.all(burst);
  const later = (await takeAll(one, limit, 200)) + (await takeAll(other, limit, 200));
  expect(30 + first + second + later).toBeLessThanOrEqual(200);
  expect(await takeAll(one, limit, 1)).toBe(0);
  expect(one.state.away).toEqual([true]);
  expect(one.state.decided.at(-1)).toBe("local");

  const again = await startRedis(Number(redis.address.port));
  await until(one, "redis");
  expect(one.state.away).toEqual([true, false]);
  // The new Redis is empty. This instance told it what it had counted.
  await until(other, "redis");
  expect(await takeAll(other, limit, 1)).toBe(0);
  await Promise.all([one.limiter.close(), other.limiter.close()]);
  await again.stop();
});

test("a Redis that does not answer delays calls once, and for no longer than the timeout", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const one = start(false, { store: createRedisStore(redis.address, 100), timeoutMs: 100 });
  await until(one, "redis");
  redis.process.kill("SIGSTOP");
  const limit = newRule(5);
  const startedAt = performance.now();
  expect(await takeAll(one, limit, 10)).toBe(5);
  expect(one.state.decided.at(-1)).toBe("local");
  const waitedMs = performance.now() - startedAt;
  expect(waitedMs).toBeGreaterThan(50);
  expect(waitedMs).toBeLessThan(2_000);
  // While it is away, calls do not wait for it at all.
  expect(one.limiter.take([limit], 1)).toMatchObject({ allowed: false });
  redis.process.kill("SIGCONT");
  await until(one, "redis");
  await one.limiter.close();
  await redis.stop();
});
