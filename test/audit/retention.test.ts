import { sql } from "kysely";
import { encodeTime } from "ulid";
import { afterEach, expect, test, vi } from "vitest";
import { deleteOldEvents } from "../../src/domain/kernel/audit-retention.ts";
import { startApp, type TestApp, useApp } from "../support/app.ts";

const app = useApp();
const day = 86_400_000;
afterEach(() => void vi.useRealTimers());

/** Inserts events of a given age in days into an account. */
async function insertOld(one: TestApp, accountId: string, days: number, count: number): Promise<void> {
  const prefix = encodeTime(Date.now() - days * day).toLowerCase();
  await sql`
    insert into audit_event (id, account_id, created_at, profile_id, method, outcome, request_id, client_address)
    select 'evt_' || ${prefix} || lpad(n::text, 16, '0'), ${accountId},
      clock_timestamp() - ${days} * interval '1 day', 'prof_1', ${`${days} days`}, 'done', '', ''
    from generate_series(1, ${count}) n`.execute(one.db);
}

async function methodsOf(one: TestApp, accountId: string): Promise<string[]> {
  const rows = await one.db
    .selectFrom("audit_event")
    .select("method")
    .distinct()
    .where("account_id", "=", accountId)
    .orderBy("method")
    .execute();
  return rows.map((row) => row.method);
}

test("in every account, events older than the retention are deleted and younger ones are kept", async () => {
  const owners = [await app.newAccount(), await app.newAccount()];
  const ids = owners.map((owner) => owner.account.metadata?.id ?? "");
  for (const id of ids) for (const days of [500, 31, 29]) await insertOld(app, id, days, 3);
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(12);
  for (const id of ids) {
    expect(await methodsOf(app, id)).toEqual(["29 days", "latchkey.v1.SessionService/SignUp"]);
  }
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(0);
});

test("an event whose id is older than its time is deleted by its time", async () => {
  const owner = await app.newAccount();
  const id = owner.account.metadata?.id ?? "";
  await insertOld(app, id, 100, 1);
  await sql`update audit_event set created_at = clock_timestamp() where method = '100 days'`.execute(app.db);
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(0);
  expect(await methodsOf(app, id)).toContain("100 days");
});

test("one run deletes a bounded number of events, and the next runs delete the rest", async () => {
  const owner = await app.newAccount();
  await insertOld(app, owner.account.metadata?.id ?? "", 60, 20_500);
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(20_000);
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(500);
});

test("locked events stay for a later run, and the run does not wait for them", async () => {
  const owner = await app.newAccount();
  await insertOld(app, owner.account.metadata?.id ?? "", 60, 3);
  await app.db.transaction().execute(async (tx) => {
    await sql`select from audit_event where method = '60 days' order by id limit 1 for update`.execute(tx);
    expect(await deleteOldEvents(app.db, 30 * day)).toBe(2);
  });
  expect(await deleteOldEvents(app.db, 30 * day)).toBe(1);
});

test.each([
  ["90d", ["31 days", "89 days"]],
  ["forever", ["31 days", "500 days", "89 days", "91 days"]],
])("a server with the retention %s deletes older events within a minute", async (retention, kept) => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { app: other, end } = await startApp({ LATCHKEY_AUDIT_RETENTION: retention });
  try {
    const owner = await other.newAccount();
    const id = owner.account.metadata?.id ?? "";
    for (const days of [31, 89, 91, 500]) await insertOld(other, id, days, 1);
    vi.advanceTimersByTime(60_000);
    await other.app.flush();
    expect((await methodsOf(other, id)).filter((name) => name.endsWith("days"))).toEqual(kept);
  } finally {
    await end();
  }
});
