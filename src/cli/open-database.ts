import type { Config } from "../config/config.ts";
import { type ConnectOptions, connect, type Db, type PoolStats } from "../db/connect.ts";
import { startEmbedded } from "../db/embedded/embedded.ts";
import { explainOpening } from "../db/errors.ts";
import { checkCompatible, migrate, migrationTimeoutMs } from "../db/migrate.ts";
import type { Migration } from "../db/migrations/index.ts";
import type { Log } from "../infra/log.ts";

/** The database of a process, embedded or external, with all migrations applied. */
export interface OpenDatabase {
  db: Db & { poolStats(): PoolStats };
  /** A separate small pool for verification, without turns. Changes and lists hold none of its connections. */
  lookups: Db & { poolStats(): PoolStats };
  url: string;
  /** The database without a pooler between, for the change feed. */
  listenUrl: string;
  embedded: boolean;
  /** The names of the migrations that this start applied. */
  applied: string[];
  close(): Promise<void>;
}

/** How to open a database. */
export interface OpenOptions {
  onQuery?: (milliseconds: number, ok: boolean) => void;
  /** True: another process has applied the migrations. This one connects with its first query. */
  migrated?: boolean;
  /** The migrations that are applied. By default, all. */
  migrations?: readonly Migration[];
}

// Connections of a single process, and of each of several workers.
const poolSize = 10;
const workerPoolSize = 6;
// One connection for each statement that the loader and the quotas can have in flight, and one for heartbeats and
// acknowledgements. Most of them open only while the database is slow.
const lookupPoolSize = 14;

/** Opens the database of the settings and applies its migrations. Starts an embedded Postgres if the settings name none. */
export async function openDatabase(
  config: Config,
  log: Log,
  { onQuery = () => {}, migrated = false, migrations }: OpenOptions = {},
): Promise<OpenDatabase> {
  const server = config.databaseUrl ? undefined : await startEmbedded({ dataDir: config.dataDir, log });
  const url = config.databaseUrl ?? server?.url ?? "";
  try {
    const options = { url, statementNames: config.statementNames, log, onQuery };
    const applied = migrated ? [] : await applyMigrations({ ...options, onQuery: () => {} }, migrations);
    const db = connect({
      ...options,
      poolSize: config.workers > 1 ? workerPoolSize : poolSize,
      turns: true,
    });
    const lookups = connect({ ...options, poolSize: lookupPoolSize });
    return {
      db,
      lookups,
      url,
      listenUrl: config.listenUrl ?? url,
      embedded: server !== undefined,
      applied,
      async close() {
        await Promise.all([db.destroy(), lookups.destroy()]);
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw explainOpening(error, url);
  }
}

async function applyMigrations(
  options: Omit<ConnectOptions, "poolSize">,
  migrations: readonly Migration[] | undefined,
): Promise<string[]> {
  const db = connect({ ...options, poolSize: 1, queryTimeoutMs: migrationTimeoutMs });
  try {
    await checkCompatible(db);
    return await migrate(db, migrations);
  } finally {
    await db.destroy();
  }
}
