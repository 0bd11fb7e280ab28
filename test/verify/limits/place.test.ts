import { afterAll, beforeAll, expect, test } from "vitest";
import { createPostgresStore, type PostgresStore } from "../../../src/verify/limits/postgres-store.ts";
import { turn } from "../../support/coherence/loader.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database/database.ts";
import { newRule, startLimiter, takeAll, until } from "../../support/limits/limiter.ts";

let database: TestDatabase;
let saved: PostgresStore;
beforeAll(async () => {
  database = await createTestDatabase();
  saved = createPostgresStore(database.db);
});
afterAll(() => database.drop());

test("a call that waits for the shared store when the instance becomes the only one counts once", async () => {
  const limit = newRule(10);
  const [loaded, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let held = 0;
  const one = startLimiter(false, {
    saved: {
      ...saved,
      // The counters are read before the store counts the calls that wait.
      async run(calls) {
        if (calls.some(({ rules }) => rules.includes(limit))) {
          held += 1;
          await release.promise;
        }
        return saved.run(calls);
      },
      async load(max) {
        const isAlone = one.state.alone;
        const counters = await saved.load(max);
        if (isAlone) loaded.resolve();
        return counters;
      },
    },
  });
  await until(one, "postgres");
  const waiting = takeAll(one, limit, 4);
  await expect.poll(() => held).toBe(1);
  one.state.alone = true;
  await loaded.promise;
  for (let n = 0; n < 5; n++) await turn();
  const meanwhile = takeAll(one, limit, 4);
  release.resolve();
  expect([await waiting, await meanwhile]).toEqual([4, 4]);
  await until(one, "memory");
  expect(await takeAll(one, limit, 10)).toBe(2);
  await one.limiter.close();
});

test("a call right after another instance started counts together with those in the memory", async () => {
  const limit = newRule(10);
  const merged = Promise.withResolvers<void>();
  let merges = 0;
  const one = startLimiter(true, {
    saved: {
      ...saved,
      // The counters of the memory are handed over only after the calls.
      async merge(counters) {
        merges += 1;
        if (counters.length > 1) await merged.promise;
        await saved.merge(counters);
      },
    },
  });
  await until(one, "memory");
  expect(await takeAll(one, limit, 6)).toBe(6);
  one.state.alone = false;
  expect(await takeAll(one, limit, 10)).toBe(4);
  const other = startLimiter(false, { saved });
  expect(await takeAll(other, limit, 10)).toBe(0);
  expect(merges).toBeGreaterThan(0);
  merged.resolve();
  await Promise.all([one.limiter.close(), other.limiter.close()]);
});

test("what the others counted counts, however short the time with them was", async () => {
  const limit = newRule(10);
  const [one, other] = [startLimiter(true, { saved }), startLimiter(false, { saved })];
  await until(one, "memory");
  expect(await takeAll(one, limit, 3)).toBe(3);
  one.state.alone = false;
  expect(await one.take(limit)).toBe(true);
  expect(await takeAll(other, limit, 4)).toBe(4);
  one.state.alone = true;
  expect(await takeAll(one, limit, 10)).toBe(2);
  await until(one, "memory");
  expect(await takeAll(one, limit, 10)).toBe(0);
  await Promise.all([one.limiter.close(), other.limiter.close()]);
});

test("counters that could not be handed over are handed over later", async () => {
  const limit = newRule(10);
  let fails = true;
  let failures = 0;
  const one = startLimiter(true, {
    saved: {
      ...saved,
      merge: async (counters) => {
        if (fails && counters.length > 1) {
          failures += 1;
          throw new Error("a failure of the test");
        }
        await saved.merge(counters);
      },
    },
  });
  await until(one, "memory");
  expect(await takeAll(one, limit, 6)).toBe(6);
  one.state.alone = false;
  await expect.poll(() => failures).toBeGreaterThan(0);
  fails = false;
  await until(one, "postgres");
  const other = startLimiter(false, { saved });
  await expect.poll(async () => (await other.limiter.look([limit], 0)).states[0]?.remaining).toBe(4);
  await Promise.all([one.limiter.close(), other.limiter.close()]);
});
