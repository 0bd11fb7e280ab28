import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type ConnectOptions, connect, type Db } from "../../src/db/connect.ts";
import { isUnavailable } from "../../src/db/errors.ts";
import { withStatements } from "../../src/db/statement-scope.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { quietLog } from "../support/server/server.ts";

let database: TestDatabase;
const opened: Db[] = [];

beforeAll(async () => {
  database = await createTestDatabase("empty");
  // The COMMIT of an insert waits for a lock of the test.
  const { db } = database;
  await sql`create table slow_commit (id integer)`.execute(db);
  await sql`create function wait_at_commit() returns trigger language plpgsql as
    'begin perform pg_advisory_xact_lock(1); return null; end'`.execute(db);
  await sql`create constraint trigger slow_commit after insert on slow_commit
    deferrable initially deferred for each row execute function wait_at_commit()`.execute(db);
});
afterEach(async () => {
  await sql`truncate slow_commit`.execute(database.db);
  for (const db of opened.splice(0)) await db.destroy();
});
afterAll(() => database.drop());

function open(options: Partial<ConnectOptions> = {}): Db {
  const db = connect({ url: database.url, poolSize: 1, log: quietLog, ...options });
  opened.push(db);
  return db;
}

async function pidOf(db: Db): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  return rows[0]?.pid ?? 0;
}

/** Returns how many backends of this database run a statement with this text. */
async function running(text: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and state = 'active' and query = ${text}`.execute(database.db);
  return rows[0]?.count ?? 0;
}

const sleep = (db: Db, seconds: number) => sql.raw(`select pg_sleep(${seconds})`).execute(db);
const until = (text: string, count: number) => expect.poll(() => running(text)).toBe(count);

test("a caller that gives up cancels its statement, and its connection serves the next caller", async () => {
  const db = open({ queryTimeoutMs: 30_000 });
  const pid = await pidOf(db);
  const caller = new AbortController();
  const call = withStatements({ signal: caller.signal }, () => sleep(db, 10));
  await until("select pg_sleep(10)", 1);
  const reason = new Error("the deadline has passed");
  caller.abort(reason);
  await expect(call).rejects.toBe(reason);
  await until("select pg_sleep(10)", 0);
  expect(await pidOf(db)).toBe(pid);
});

test("a caller that gave up sends nothing more, and does not wait for a connection", async () => {
  const db = open();
  const busy = sleep(db, 0.2);
  const caller = new AbortController();
  const waiting = withStatements({ signal: caller.signal }, () => pidOf(db));
  caller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  await expect(withStatements({ signal: caller.signal }, () => pidOf(db))).rejects.toThrow("gone");
  await busy;
  // The call that waited has released its connection.
  expect(await pidOf(db)).toBeGreaterThan(0);
});

test("a statement that exceeds the limit of its scope is cancelled, and its connection stays usable", async () => {
  const db = open();
  const pid = await pidOf(db);
  const call = withStatements({ limitMs: 50 }, () => sleep(db, 10));
  await expect(call).rejects.toMatchObject({ code: "57014" });
  expect(await pidOf(db)).toBe(pid);
});

test("a COMMIT is never cancelled, and a transaction whose caller gave up before it changes nothing", async () => {
  const db = open({ queryTimeoutMs: 30_000 });
  const rows = async () => (await sql`select * from slow_commit`.execute(database.db)).rows.length;
  const during = new AbortController();
  const { committed } = await database.db.transaction().execute(async (lock) => {
    await sql`select pg_advisory_xact_lock(1)`.execute(lock);
    const committed = withStatements({ signal: during.signal }, () =>
      db.transaction().execute((tx) => sql`insert into slow_commit values (1)`.execute(tx)),
    );
    await until("commit", 1);
    during.abort();
    // A cancellation would arrive in this time.
    await sql`select pg_sleep(0.2)`.execute(lock);
    // The object keeps this transaction from waiting for the other one.
    return { committed };
  });
  await committed;
  expect(await rows()).toBe(1);

  const before = new AbortController();
  await withStatements({ signal: before.signal }, async () => {
    const transaction = db.transaction().execute(async (tx) => {
      await sql`insert into slow_commit values (2)`.execute(tx);
      before.abort(new Error("gone"));
      await sql`insert into slow_commit values (2)`.execute(tx);
    });
    await expect(transaction).rejects.toThrow("gone");
  });
  expect(await rows()).toBe(1);
});

test("a cancellation that comes too late hits no later statement", async () => {
  const db = open();
  for (let round = 0; round < 60; round++) {
    const caller = new AbortController();
    const call = withStatements({ signal: caller.signal }, () => sleep(db, 0.001)).catch(() => undefined);
    setTimeout(() => caller.abort(), round % 4);
    await call;
    expect(await pidOf(db)).toBeGreaterThan(0);
  }
});

test("a statement that the server does not end in time is cancelled: its backend does not stay behind", async () => {
  const db = open({ queryTimeoutMs: 600 });
  // A pooler may drop this setting.
  await sql`set statement_timeout = 0`.execute(db);
  const call = sleep(db, 20);
  await expect(call).rejects.toThrow("Query read timeout");
  await until("select pg_sleep(20)", 0);
});

test("while too many commits have no response, further changes are refused", async () => {
  const db = open({ poolSize: 4, queryTimeoutMs: 1_000 });
  const change = () => db.transaction().execute((tx) => sql`insert into slow_commit values (1)`.execute(tx));
  await database.db.transaction().execute(async (lock) => {
    await sql`select pg_advisory_xact_lock(1)`.execute(lock);
    for (let wave = 0; wave < 3; wave++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 4 }, change));
      for (const outcome of outcomes) {
        expect(outcome.status === "rejected" && isUnavailable(outcome.reason)).toBe(true);
      }
    }
    expect(await running("commit")).toBe(4);
    expect(await pidOf(db)).toBeGreaterThan(0);
  });
  // After the server has responded, no commit is lost, and changes succeed again.
  await vi.waitFor(() => db.transaction().execute(pidOf), { interval: 100, timeout: 20_000 });
  await until("commit", 0);
  expect((await sql`select * from slow_commit`.execute(database.db)).rows).toHaveLength(4);
});
