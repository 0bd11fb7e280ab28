import { sql } from "kysely";
import { afterEach, expect, test, vi } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { recordUsage } from "../../src/domain/usage/record.ts";
import { addWeeks, dropOldWeeks } from "../../src/domain/usage/retention.ts";
import { issueKey, startApp, useApp } from "../support/app.ts";

const app = useApp();
const day = 86_400_000;
afterEach(() => void vi.useRealTimers());

/** Returns the first days of the weeks that a table has partitions for. */
async function weeksOf(db: typeof app.db, table = "key_usage"): Promise<string[]> {
  const { rows } = await sql<{ week: string }>`
    select right(inhrelid::regclass::text, 8) as week from pg_inherits
    where inhparent = ${table}::regclass order by 1`.execute(db);
  return rows.map(({ week }) => week);
}

function monday(daysAgo: number): string {
  const at = new Date(Date.now() - daysAgo * day);
  const first = new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * day);
  return first.toISOString().slice(0, 10).replaceAll("-", "");
}

test("there are always partitions for three weeks ahead, and adding them again changes nothing", async () => {
  // The run may have migrated its database shortly before a Monday. Later weeks are the work of the server.
  expect(await weeksOf(app.db)).toEqual(expect.arrayContaining([0, -7, -14].map(monday)));
  await addWeeks(app.db);
  const weeks = await weeksOf(app.db);
  const current = weeks.filter((week) => week >= monday(2));
  expect(current).toEqual([...new Set([2, 0, -7, -14, -21].map(monday))].sort());
  expect(await weeksOf(app.db, "account_usage")).toEqual(weeks);
  await Promise.all([addWeeks(app.db), addWeeks(app.pool)]);
  expect(await weeksOf(app.db)).toEqual(weeks);
});

test("a week is dropped when its last hour is older than the retention", async () => {
  const owner = await app.newAccount();
  const { id: keyId } = await issueKey(owner);
  for (const daysAgo of [40, 30, 20, 8, 1]) {
    const at = new Date(Date.now() - daysAgo * day);
    await sql`select latchkey_add_usage_weeks(${at}, ${at})`.execute(app.db);
    await sql`
      insert into key_usage values (${owner.account.metadata?.id}, ${keyId}, ${at}, 'VALID', 1)`.execute(
      app.db,
    );
    await sql`
      insert into account_usage values (${owner.account.metadata?.id}, ${at}, 'live', 'VALID', 1)`.execute(
      app.db,
    );
  }
  const { total } = await owner.usage.getUsage({ keyId });
  expect(total).toBe(3n);
  expect(await dropOldWeeks(app.db, { usageRetentionMs: 22 * day, clientAddressRetentionMs: day })).toBe(4);
  expect((await weeksOf(app.db))[0]).toBe(monday(20));
  expect((await owner.usage.getUsage({ keyId })).total).toBe(3n);
  expect(await dropOldWeeks(app.db, { usageRetentionMs: 22 * day, clientAddressRetentionMs: day })).toBe(0);
});

test("usage of a server whose clock is wrong counts in the current hour, and is used no later than now", async () => {
  const owner = await app.newAccount();
  const { id: keyId } = await issueKey(owner);
  const far = 5_000 * day;
  const { rows } = await sql<{ id: string }>`
    select id::text from api_key_token where api_key_id = ${keyId}`.execute(app.db);
  const at = (hour: number) => ({ keyId, hour, verdict: "VALID", count: 2 });
  const networks: string[] = [];
  const used = {
    tokenId: rows[0]?.id ?? "",
    keyId,
    usedAt: Date.now() + far,
    clientAddress: undefined,
    networks,
  };
  const rest = { tokens: [used], unknown: [], sessions: [] };
  await recordUsage(app.db, {
    id: "wrong clock",
    counts: [at(0), at(Math.floor(far / 3_600_000) * 3_600_000 * 9)],
    ...rest,
  });
  expect((await owner.usage.getUsage({ keyId })).total).toBe(4n);
  expect((await owner.usage.getUsage({})).total).toBe(4n);
  const { apiKey } = await owner.apiKeys.getApiKey({ id: keyId });
  expect(Number(apiKey?.info?.lastUsedAt?.seconds) * 1000).toBeLessThanOrEqual(Date.now());
});

test("a week that is being read is dropped by a later run, and the run does not wait for long", async () => {
  const at = new Date(Date.now() - 100 * day);
  await sql`select latchkey_add_usage_weeks(${at}, ${at})`.execute(app.db);
  const retention = { usageRetentionMs: 22 * day, clientAddressRetentionMs: day };
  await app.db.transaction().execute(async (tx) => {
    await sql`select from key_usage limit 1`.execute(tx);
    await expect(dropOldWeeks(app.pool, retention)).rejects.toMatchObject({ code: "55P03" });
  });
  // The other table was not read, so its week is gone already.
  expect(await dropOldWeeks(app.db, retention)).toBe(1);
});

test("a server answers only what its retention keeps, and drops the rest within an hour", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { app: other, end } = await startApp({ LATCHKEY_USAGE_RETENTION: "2d" });
  try {
    const owner = await other.newAccount();
    const { id: keyId } = await issueKey(owner);
    const account = owner.account.metadata?.id;
    for (const daysAgo of [30, 3]) {
      const at = new Date(Date.now() - daysAgo * day);
      await sql`select latchkey_add_usage_weeks(${at}, ${at})`.execute(other.db);
      await sql`insert into key_usage values (${account}, ${keyId}, ${at}, 'VALID', 1)`.execute(other.db);
      await sql`insert into account_usage values (${account}, ${at}, 'live', 'VALID', 1)`.execute(other.db);
    }
    const item = { keyId, verdict: Verdict.VALID, count: 1 };
    await other.clientAs(other.platformToken).usage.reportUsage({ batchId: "now", items: [item] });
    expect((await owner.usage.getUsage({})).total).toBe(1n);
    expect((await owner.usage.getUsage({ keyId })).total).toBe(1n);
    expect(await weeksOf(other.db)).toContain(monday(30));
    vi.advanceTimersByTime(3_600_000);
    await other.app.flush();
    expect(await weeksOf(other.db)).not.toContain(monday(30));
  } finally {
    await end();
  }
});
