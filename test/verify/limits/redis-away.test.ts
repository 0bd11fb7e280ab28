import { expect, test } from "vitest";
import { issueKey, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { skipWithoutRedis, startRedis } from "../../support/limits/redis.ts";

const app = useApp();
const month = { seconds: 2_678_400n };

async function decided(one: TestApp): Promise<Record<string, number>> {
  const { body } = await one.metrics.render();
  const lines = body.matchAll(/^latchkey_rate_limit_decisions_total\{by="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, by = "", count]) => [by, Number(count)]));
}

test("instances share Redis, and Redis that ends in the middle of a burst costs no caller an error", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const instances = await Promise.all([0, 1].map(() => startBeside(app, { LATCHKEY_REDIS_URL: redis.url })));
  const owner = await app.newAccount();
  const limit = 60;
  const { token } = await issueKey(owner, {
    spec: { rateLimits: [{ name: "calls", limit, period: month }] },
  });
  const burst = (calls: number) =>
    Array.from({ length: calls }, (_, n) =>
      (instances[n % 2]?.app ?? app).clientAs(app.platformToken).tokens.verifyToken({ token }),
    );
  const before = (await Promise.all(burst(20))).filter(({ valid }) => valid);
  expect(before).toHaveLength(20);
  const during = burst(60);
  await redis.stop();
  const responses = [...(await Promise.all(during)), ...(await Promise.all(burst(200)))];
  const accepted = before.length + responses.filter(({ valid }) => valid).length;
  expect(accepted).toBeGreaterThanOrEqual(limit);
  expect(accepted).toBeLessThanOrEqual(2 * limit);
  const refused = (await Promise.all(burst(2))).map(({ valid, rateLimit }) => [valid, rateLimit?.remaining]);
  expect(refused).toEqual([
    [false, 0],
    [false, 0],
  ]);
  for (const one of instances) {
    expect(await decided(one.app)).toMatchObject({ redis: expect.any(Number), local: expect.any(Number) });
    const away = one.app.logLines.filter((line) => line.includes("the store of rate limits is away"));
    expect(away).toHaveLength(1);
    await one.end();
  }
});
