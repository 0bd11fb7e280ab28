import type { Config } from "./config.ts";
import { connect, type Db, type PoolStats } from "./db/connect.ts";
import { startEmbedded } from "./db/embedded.ts";
import { explainOpening } from "./db/errors.ts";
import { checkCompatible, migrate, migrationTimeoutMs } from "./db/migrate.ts";
import type { Log } from "./log.ts";

/** The database of a process: embedded or external, migrated. */
export interface OpenDatabase {
  db: Db & { poolStats(): PoolStats };
  embedded: boolean;
  /** The migrations that were applied now. */
  applied: string[];
  close(): Promise<void>;
}

const poolSize = 10;

/** Opens the database of the settings, starting an embedded one where none is named, and brings it forward. */
export async function openDatabase(
  config: Config,
  log: Log,
  onQuery: (milliseconds: number, ok: boolean) => void = () => {},
): Promise<OpenDatabase> {
  const server = config.databaseUrl ? undefined : await startEmbedded({ dataDir: config.dataDir, log });
  const url = config.databaseUrl ?? server?.url ?? "";
  try {
    const applied = await bringForward(url, log);
    const db = connect({ url, poolSize, log, onQuery });
    return {
      db,
      embedded: server !== undefined,
      applied,
      async close() {
        await db.destroy();
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw explainOpening(error, url);
  }
}

async function bringForward(url: string, log: Log): Promise<string[]> {
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log });
  try {
    await checkCompatible(db);
    return await migrate(db);
  } finally {
    await db.destroy();
  }
}
