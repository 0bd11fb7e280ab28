import { expect, test } from "vitest";
import { createDrawStep } from "../../src/verify/draw.ts";
import type { Evaluation } from "../../src/verify/evaluate/evaluate.ts";

test("a verification whose credits are unavailable gives back what it took from its rate limits", async () => {
  let level = 0;
  const limits = [{ counter: "key_1", name: "burst", limit: 5, periodMs: 1_000, cost: 1 }];
  const evaluation = {
    failures: [],
    principal: { accountId: "acct_1" },
    draws: { limits, credits: ["key_1"] },
  } as unknown as Evaluation;
  const add = (cost: number) => {
    level += cost;
    return { allowed: true, states: [] };
  };
  const draw = createDrawStep({
    limiter: {
      take: (_rules, cost = 1) => add(cost),
      giveBack: (_rules, cost = 1) => void add(-cost),
      look: () => add(0),
      close: async () => undefined,
    },
    quotas: { draw: () => Promise.reject(new Error("away")) },
  });
  await expect(draw(evaluation, { cost: 3, dryRun: false })).rejects.toThrow("away");
  expect(level).toBe(0);
});
