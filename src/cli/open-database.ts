import type { Config } from "../config/config.ts";
import { type ConnectOptions, connect, type Db, type PoolStats } from "../db/connect.ts";
import { startEmbedded } from "../db/embedded/embedded.ts";
import { explainOpening } from "../db/errors.ts";
import { checkCompatible, migrate, migrationTimeoutMs } from "../db/migrate.ts";
import type { Log } from "../infra/log.ts";

/** The database of a process: embedded or external, migrated. */
export interface OpenDatabase {
  db: Db & { poolStats(): PoolStats };
  /** A small pool of its own for what verification looks up: changes that wait for each other hold none of it. */
  lookups: Db & { poolStats(): PoolStats };
  url: string;
  /** Where changes are told. */
  listenUrl: string;
  embedded: boolean;
  /** The migrations that were applied now. */
  applied: string[];
  close(): Promise<void>;
}

/** How to open a database. */
export interface OpenOptions {
  onQuery?: (milliseconds: number, ok: boolean) => void;
  /** Somebody else has brought it forward: connect when there is something to ask. */
  asItIs?: boolean;
}

// Of one process, and of each of many.
const poolSize = 10;
const workerPoolSize = 4;
// One for each statement of the loader, one for beats and answers. Most are opened only while something is slow.
const lookupPoolSize = 9;

/** Opens the database of the settings, starting an embedded one where none is named, and brings it forward. */
export async function openDatabase(
  config: Config,
  log: Log,
  { onQuery = () => {}, asItIs = false }: OpenOptions = {},
): Promise<OpenDatabase> {
  const server = config.databaseUrl ? undefined : await startEmbedded({ dataDir: config.dataDir, log });
  const url = config.databaseUrl ?? server?.url ?? "";
  try {
    const options = { url, statementNames: config.statementNames, log, onQuery };
    const applied = asItIs ? [] : await bringForward({ ...options, onQuery: () => {} });
    const db = connect({ ...options, poolSize: config.workers > 1 ? workerPoolSize : poolSize });
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

async function bringForward(options: Omit<ConnectOptions, "poolSize">): Promise<string[]> {
  const db = connect({ ...options, poolSize: 1, queryTimeoutMs: migrationTimeoutMs });
  try {
    await checkCompatible(db);
    return await migrate(db);
  } finally {
    await db.destroy();
  }
}
