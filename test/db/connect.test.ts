import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { type ConnectOptions, connect, type Db } from "../../src/db/connect.ts";
import { isRetryable, isUnavailable, isUniqueViolation } from "../../src/db/errors.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { type FaultyProxy, startProxy } from "../support/database/proxy.ts";
import { quietLog } from "../support/server/server.ts";

const deadlineMs = 3_000;

let database: TestDatabase;
let proxy: FaultyProxy;
const opened: Db[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startProxy(database.url);
});
afterEach(async () => {
  await proxy.heal();
  for (const db of opened.splice(0)) await db.destroy();
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

function open(options: Partial<ConnectOptions> = {}) {
  const db = connect({ url: proxy.url, poolSize: 4, log: quietLog, ...options });
  opened.push(db);
  return db;
}

/** Opens a pool through a proxy of its own, until the test ends. */
async function openOwn(onTestFinished: TestContext["onTestFinished"], options: Partial<ConnectOptions>) {
  const own = await startProxy(database.url);
  const db = connect({ url: own.url, poolSize: 4, log: quietLog, ...options });
  onTestFinished(async () => {
    await own.heal();
    await db.destroy();
    await own.close();
  });
  return { proxy: own, db };
}

const ping = (db: Db) => sql<{ answer: number }>`select ${7}::integer as answer`.execute(db);
const answered = { rows: [{ answer: 7 }] };

/** Returns the error that a promise fails with, and after how many milliseconds. */
async function failure(promise: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const startedAt = performance.now();
  const error = await promise.then(
    () => expect.unreachable("it succeeded"),
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - startedAt };
}

async function expectUnavailable(promise: Promise<unknown>): Promise<void> {
  const { error, ms } = await failure(promise);
  expect(isUnavailable(error), String(error)).toBe(true);
  expect(ms).toBeLessThan(deadlineMs);
}

test("a refused connection fails within 3 s, and the next query after recovery works", async () => {
  const db = open();
  expect(await ping(db)).toMatchObject(answered);
  await proxy.refuse();
  await expectUnavailable(ping(db));
  await proxy.heal();
  expect(await ping(db)).toMatchObject(answered);
});

// Each of these waits for a timeout.
describe.concurrent("a database that does not respond", () => {
  test("a server that accepts and never responds fails within 3 s, and the next query after recovery works", async ({
    onTestFinished,
  }) => {
    const { proxy, db } = await openOwn(onTestFinished, {});
    proxy.swallow();
    await expectUnavailable(ping(db));
    await proxy.heal();
    expect(await ping(db)).toMatchObject(answered);
  });

  test("a query without a response fails within 3 s, and the pool then uses none of its older connections", async ({
    onTestFinished,
  }) => {
    const { proxy, db } = await openOwn(onTestFinished, {});
    await Promise.all([1, 2, 3, 4].map(() => sql`select pg_sleep(0.05)`.execute(db)));
    expect(db.poolStats()).toEqual({ total: 4, idle: 4, waiting: 0 });
    proxy.swallow();
    await expectUnavailable(ping(db));
    expect(db.poolStats()).toMatchObject({ total: 3 });
    await proxy.heal();
    // The three other connections are dead too.
    for (let i = 0; i < 4; i++) expect(await ping(db)).toMatchObject(answered);
  });

  test("a transaction without a response fails within 3 s, including its rollback", async ({
    onTestFinished,
  }) => {
    const { proxy, db } = await openOwn(onTestFinished, { poolSize: 1 });
    const transaction = db.transaction().execute(async (tx) => {
      await ping(tx);
      const sent = proxy.nextBytes();
      const query = ping(tx);
      proxy.swallow();
      await sent;
      await query;
    });
    await expectUnavailable(transaction);
    await proxy.heal();
    expect(await ping(db)).toMatchObject(answered);
  });

  test("callers that wait for a connection of a dead database fail within 3 s too", async ({
    onTestFinished,
  }) => {
    const { proxy, db } = await openOwn(onTestFinished, { poolSize: 1 });
    await ping(db);
    proxy.swallow();
    await Promise.all(Array.from({ length: 5 }, () => expectUnavailable(ping(db))));
    expect(db.poolStats()).toMatchObject({ waiting: 0 });
  });
});

test("a connection that dies while a transaction holds it ends neither the process nor the pool", async () => {
  const db = open({ poolSize: 1 });
  const transaction = db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(database.db);
    await ping(tx);
  });
  await expectUnavailable(transaction);
  expect(await ping(db)).toMatchObject(answered);
});

test("a connection that dies while idle ends neither the process nor the pool", async () => {
  const warnings: string[] = [];
  const db = open({ log: { ...quietLog, warn: (_, message) => warnings.push(message) } });
  await ping(db);
  await proxy.refuse();
  await expect.poll(() => warnings).toEqual(["an idle database connection was lost"]);
  await proxy.heal();
  expect(await ping(db)).toMatchObject(answered);
});

test("the server cancels a statement that takes too long, and the connection stays usable", async () => {
  const db = open({ poolSize: 1, queryTimeoutMs: 600 });
  const pid = sql<{ pid: number }>`select pg_backend_pid() as pid`;
  const before = await pid.execute(db);
  await expect(sql`select pg_sleep(10)`.execute(db)).rejects.toMatchObject({ code: "57014" });
  expect(await pid.execute(db)).toEqual(before);
});

test("named statements survive a migration that changes their columns", async () => {
  const db = open({ poolSize: 1 });
  await sql`create table shape (id integer)`.execute(db);
  const read = (from: Db) => sql`select * from shape where id > ${0}`.execute(from);
  await read(db);
  expect((await sql`select name from pg_prepared_statements`.execute(db)).rows).toHaveLength(1);
  await sql`alter table shape add column name text`.execute(database.db);
  await read(db);

  await sql`alter table shape add column age integer`.execute(database.db);
  const { error } = await failure(db.transaction().execute(read as (tx: Db) => Promise<unknown>));
  expect(isRetryable(error)).toBe(true);
  await db.transaction().execute(read);
});

test("statements are unnamed if the setting is off", async () => {
  const db = open({ poolSize: 1, statementNames: false });
  await ping(db);
  expect((await sql`select name from pg_prepared_statements`.execute(db)).rows).toEqual([]);
});

test("a connection names at most 200 different statements", async () => {
  const db = open({ poolSize: 1 });
  for (let i = 0; i < 250; i++) await sql`select ${i}::integer as ${sql.ref(`n${i}`)}`.execute(db);
  expect((await sql`select name from pg_prepared_statements`.execute(db)).rows).toHaveLength(200);
});

test("every statement and every missing connection is reported once", async () => {
  const seen: boolean[] = [];
  const db = open({ onQuery: (ms, ok) => void (ms >= 0 && seen.push(ok)) });
  await ping(db);
  await failure(sql`select 1 / 0`.execute(db));
  await proxy.refuse();
  await expect.poll(() => db.poolStats().total).toBe(0);
  await failure(ping(db));
  expect(seen).toEqual([true, false, false]);
});

test("a violated unique constraint is recognised, also by its name", async () => {
  const { db } = database;
  await sql`create table thing (id integer constraint thing_key primary key)`.execute(db);
  await sql`insert into thing values (1)`.execute(db);
  const { error } = await failure(sql`insert into thing values (1)`.execute(db));
  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, "thing_key")).toBe(true);
  expect(isUniqueViolation(error, "other_key")).toBe(false);
  expect(isUnavailable(error)).toBe(false);
});

test("a serialization failure may be retried", async () => {
  const { db } = database;
  const { error } = await failure(sql`do $$ begin raise sqlstate '40001'; end $$`.execute(db));
  expect(isRetryable(error)).toBe(true);
  expect(isUnavailable(error)).toBe(false);
});

test.each(["25006", "53300", "57P01", "57P02", "57P03", "08006", "58030"])(
  "SQLSTATE %s is an outage",
  async (state) => {
    const raised = sql`do ${sql.lit(`begin raise sqlstate '${state}'; end`)}`.execute(database.db);
    expect(isUnavailable((await failure(raised)).error)).toBe(true);
  },
);

test.each(["select 1 / 0", "select nothing", "select" + " * from nowhere", "insert"])(
  "the error of the invalid statement `%s` is not an outage",
  async (text) => {
    expect(isUnavailable((await failure(sql.raw(text).execute(database.db))).error)).toBe(false);
  },
);

test("ordinary errors are not outages", () => {
  for (const thrown of [
    new TypeError("x is undefined"),
    "refused",
    undefined,
    Object.assign(new Error(), { code: "EACCES" }),
  ]) {
    expect(isUnavailable(thrown)).toBe(false);
  }
});

test("a host name with two dead addresses is an outage", async () => {
  await proxy.refuse();
  const db = open({ url: proxy.url.replace("127.0.0.1", "localhost") });
  await expectUnavailable(ping(db));
});

test("a closed pool is an outage, because a request may arrive while the server drains", async () => {
  const db = open();
  await ping(db);
  await db.destroy();
  expect(isUnavailable((await failure(ping(db))).error)).toBe(true);
});
