import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import type { Draw, Drawn } from "../../../src/verify/quota/draw.ts";
import { createQuotas } from "../../../src/verify/quota/quotas.ts";
import { spend } from "../../../src/verify/quota/spend.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { turn } from "../../support/coherence/loader.ts";
import { creditsLeft, putCredits } from "../../support/database/credit.ts";
import { openTestDatabase } from "../../support/database/database.ts";
import { startProxy } from "../../support/database/proxy.ts";
import { untilWaiting } from "../../support/database/waiting.ts";

const app = useApp();
const allowedOf = (all: PromiseSettledResult<Drawn>[]) =>
  all.filter((one) => one.status === "fulfilled" && one.value.allowed).length;

function instance(url: string) {
  const database = openTestDatabase(url);
  onTestFinished(() => database.drop());
  return createQuotas({ send: (runs, how) => spend(database.db, runs, how) });
}

async function newQuota(): Promise<Draw> {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  const { id } = await issueKey(owner);
  await putCredits(app.pool, { id, accountId, remaining: 1_000 });
  return { accountId, ids: [id], cost: 1 };
}

// Each caller draws until it is refused, or fails.
async function exhaust(
  quotas: ReturnType<typeof createQuotas>[],
  callers: number,
  draw: Draw,
): Promise<number> {
  const drawn = Array.from({ length: callers }, async (_, caller) => {
    const quota = quotas[caller % quotas.length];
    for (let accepted = 0; ; accepted++) {
      const [one] = await Promise.allSettled(quota ? [quota.draw(draw)] : []);
      if (!one || allowedOf([one]) === 0) return accepted;
    }
  });
  return (await Promise.all(drawn)).reduce((sum, one) => sum + one, 0);
}

test("a quota of 1,000 accepts exactly 1,000 calls of 200 concurrent callers at two instances", async () => {
  const draw = await newQuota();
  const quotas = [instance(app.databaseUrl), instance(app.databaseUrl)];
  expect(await exhaust(quotas, 200, draw)).toBe(1_000);
  expect(await creditsLeft(app.pool, draw.ids[0])).toBe(0);
});

test("a quota of 1,000 accepts at most 1,000 when connections break in the middle, and loses at most the draws that failed", async () => {
  const draw = await newQuota();
  const proxy = await startProxy(app.databaseUrl);
  onTestFinished(() => proxy.close());
  const quotas = [instance(proxy.url), instance(app.databaseUrl)];
  const cuts = (async () => {
    for (let cut = 0; cut < 5; cut++) {
      await proxy.nextBytes();
      proxy.cut();
    }
  })();
  const accepted = await exhaust(quotas, 200, draw);
  const left = await creditsLeft(app.pool, draw.ids[0]);
  expect(left).toBe(0);
  expect(accepted).toBeLessThanOrEqual(1_000);
  // Each statement has the draws of at most 100 callers of the broken instance.
  expect(accepted).toBeGreaterThanOrEqual(1_000 - 5 * 100);
  await Promise.race([cuts, turn()]);
});

test("a record that another transaction holds delays no other account", async () => {
  const [held, free] = [await newQuota(), await newQuota()];
  const quotas = instance(app.databaseUrl);
  const delayed = await app.pool.transaction().execute(async (tx) => {
    await sql`select from credit where id = any (${held.ids}) for update`.execute(tx);
    const delayed = quotas.draw(held);
    await untilWaiting(app.pool, 1);
    expect(await quotas.draw(free)).toMatchObject({ allowed: true });
    return { delayed };
  });
  expect(await delayed.delayed).toMatchObject({ allowed: true, state: { remaining: 999 } });
});
