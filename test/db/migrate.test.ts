import { type Kysely, sql } from "kysely";
import { afterEach, expect, test } from "vitest";
import { connect, type Db } from "../../src/db/connect.ts";
import { checkCompatible, migrate, requireVersion } from "../../src/db/migrate.ts";
import { type Migration, migrations } from "../../src/db/migrations/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { quietLog } from "../support/server/server.ts";

const databases: TestDatabase[] = [];
afterEach(async () => {
  for (const database of databases.splice(0)) await database.drop();
});

async function emptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase("empty");
  databases.push(database);
  return database;
}

function step(name: string, oldestServer: number): Migration {
  const up = async (db: Kysely<unknown>) =>
    void (await sql`create table ${sql.table(`t${name}`)} (id integer)`.execute(db));
  return { name, oldestServer, up };
}

async function tablesOf(db: Db): Promise<string[]> {
  const { rows } = await sql<{ tablename: string }>`
    select tablename from pg_tables where schemaname = 'public' order by tablename`.execute(db);
  return rows.map((row) => row.tablename);
}

const one = step("0001_one", 1);
const two = step("0002_two", 1);
const three = step("0003_three", 3);

test("each migration is applied once, in order", async () => {
  const { db } = await emptyDatabase();
  expect(await migrate(db, [one])).toEqual(["0001_one"]);
  expect(await checkCompatible(db, [one, two, three])).toEqual(["0002_two", "0003_three"]);
  expect(await migrate(db, [one, two, three])).toEqual(["0002_two", "0003_three"]);
  expect(await migrate(db, [one, two, three])).toEqual([]);
  expect(await tablesOf(db)).toEqual(["latchkey_migration_level", "t0001_one", "t0002_two", "t0003_three"]);
});

test("two servers that start at once migrate once", async () => {
  const { url } = await emptyDatabase();
  const servers = Array.from({ length: 4 }, () => connect({ url, poolSize: 1, log: quietLog }));
  const applied = await Promise.all(servers.map((db) => migrate(db, [one, two])));
  await Promise.all(servers.map((db) => db.destroy()));
  expect(applied.filter((names) => names.length > 0)).toEqual([["0001_one", "0002_two"]]);
});

test("a failed migration changes nothing, and its own error is thrown", async () => {
  const { db } = await emptyDatabase();
  const broken: Migration = { ...two, up: async (tx) => void (await sql`create tabel typo ()`.execute(tx)) };
  await expect(migrate(db, [one, broken])).rejects.toThrow(/syntax error at or near "tabel"/);
  expect(await tablesOf(db)).toEqual([]);
});

test("a database that has outgrown this server is refused", async () => {
  const { db } = await emptyDatabase();
  await migrate(db, [one, two, three]);
  await expect(checkCompatible(db, [one, two])).rejects.toThrow(
    "the database has outgrown this server: migration 0003_three needs a server of level 3, and this one has level 2",
  );
  expect(await checkCompatible(db, [one, two, three])).toEqual([]);
});

test("an older server accepts a newer compatible database and does not change it", async () => {
  const { db } = await emptyDatabase();
  await migrate(db, [one, two]);
  expect(await checkCompatible(db, [one])).toEqual([]);
  expect(await migrate(db, [one])).toEqual([]);
});

test("a migration that excludes servers of its own level is refused", async () => {
  const { db } = await emptyDatabase();
  await expect(migrate(db, [step("0001_ahead", 2)])).rejects.toThrow(/check constraint/);
});

test("a database that something else migrated is refused", async () => {
  const { db } = await emptyDatabase();
  await migrate(db, [step("0001_other", 1)]);
  await expect(migrate(db, [one])).rejects.toThrow("its migration 1 is 0001_other, ours is 0001_one");
  await expect(checkCompatible(db, [one, two])).rejects.toThrow("migrated by something else");
});

test("a database that was never migrated needs every migration", async () => {
  const { db } = await emptyDatabase();
  expect(await checkCompatible(db)).toEqual(migrations.map((migration) => migration.name));
});

test("Postgres before 15 is refused in one line", () => {
  expect(() => requireVersion(140_012)).toThrow("Latchkey needs Postgres 15 or newer; this is 14");
  requireVersion(150_000);
});

test("bundled migrations are numbered without a gap", () => {
  const numbers = migrations.map((migration) => Number(migration.name.slice(0, 4)));
  const help =
    "number the files in src/db/migrations, and list them in its index.ts, from 0001 without a gap";
  expect(numbers, help).toEqual(migrations.map((_, index) => index + 1));
});

test("the template that tests clone is fully migrated", async () => {
  const database = await createTestDatabase();
  databases.push(database);
  expect(await checkCompatible(database.db)).toEqual([]);
});
