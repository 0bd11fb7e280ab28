import { type Kysely, sql } from "kysely";
import type { Db } from "./connect.ts";
import { type Migration, migrations } from "./migrations/index.ts";

/** The `queryTimeoutMs` of `connect` for migrations: ten minutes per statement. */
export const migrationTimeoutMs = 600_000;

const oldestPostgres = 15;
// The name of the advisory lock: "latchkey" in ASCII, as a bigint.
const migrationLock = "7809651199139603833";

interface Applied {
  name: string;
  level: number;
  oldest_server: number;
}

/**
 * Applies the pending migrations in one transaction, and returns their names. A second caller waits for the first and then
 * finds none. Migrations of a newer server stay untouched.
 */
export async function migrate(db: Db, known: readonly Migration[] = migrations): Promise<string[]> {
  await requirePostgres(db);
  return await db.transaction().execute(async (tx) => {
    // A second migrator waits here, before it reads anything.
    await sql`select pg_advisory_xact_lock(${migrationLock}::bigint)`.execute(tx);
    await sql`
      create table if not exists latchkey_migration_level (
        name          text primary key,
        level         integer not null unique,
        oldest_server integer not null check (oldest_server between 1 and level),
        applied_at    timestamptz not null default now()
      )`.execute(tx);
    const pending = pendingOf(known, await readApplied(tx));
    for (const { name, level, oldestServer, up } of pending) {
      // A migration must not use the types of the current schema.
      await up(tx as unknown as Kysely<unknown>);
      await sql`
        insert into latchkey_migration_level (name, level, oldest_server)
        values (${name}, ${level}, ${oldestServer})`.execute(tx);
    }
    return pending.map((migration) => migration.name);
  });
}

/**
 * Throws if this server must not use the database: Postgres is too old, or a newer migration excludes servers of this
 * version. Newer migrations that are compatible are accepted. Returns the names of the pending migrations.
 */
export async function checkCompatible(db: Db, known: readonly Migration[] = migrations): Promise<string[]> {
  await requirePostgres(db);
  const migrated = await sql<{ exists: boolean }>`
    select to_regclass('latchkey_migration_level') is not null as exists`.execute(db);
  const applied = migrated.rows[0]?.exists ? await readApplied(db) : [];
  const outgrown = applied.find((row) => row.oldest_server > known.length);
  if (outgrown) {
    throw new Error(
      `the database has outgrown this server: migration ${outgrown.name} needs a server of level ` +
        `${outgrown.oldest_server}, and this one has level ${known.length}; run a newer Latchkey`,
    );
  }
  return pendingOf(known, applied).map((migration) => migration.name);
}

/** Throws if the `server_version_num` of Postgres is lower than the minimum for Latchkey. */
export function requireVersion(serverVersion: number): void {
  const major = Math.floor(serverVersion / 10_000);
  if (major < oldestPostgres)
    throw new Error(`Latchkey needs Postgres ${oldestPostgres} or newer; this is ${major}`);
}

async function requirePostgres(db: Db): Promise<void> {
  const { rows } = await sql<{ version: number }>`
    select current_setting('server_version_num')::integer as version`.execute(db);
  requireVersion(rows[0]?.version ?? 0);
}

async function readApplied(db: Db): Promise<Applied[]> {
  const { rows } = await sql<Applied>`
    select name, level, oldest_server from latchkey_migration_level order by level`.execute(db);
  return rows;
}

function pendingOf(known: readonly Migration[], applied: readonly Applied[]) {
  for (const { name, level } of applied) {
    const ours = known[level - 1]?.name;
    if (ours !== undefined && ours !== name) {
      throw new Error(
        `the database was migrated by something else: its migration ${level} is ${name}, ours is ${ours}`,
      );
    }
  }
  const lastLevel = applied.at(-1)?.level ?? 0;
  return known.map((migration, index) => ({ ...migration, level: index + 1 })).slice(lastLevel);
}
