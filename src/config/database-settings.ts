import { parseCount, parseDatabaseUrl, parseStaleness, parseSwitch } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How this process uses its database, and what it caches of it. */
export interface DatabaseSettings {
  /** Unset: an embedded Postgres under `dataDir`. */
  databaseUrl: string | undefined;
  /** The database without a pooler between, for the change feed. Unset: `databaseUrl`. */
  listenUrl: string | undefined;
  /** Directory of the embedded Postgres, its keys and kept mails. */
  dataDir: string;
  /** Whether statements are prepared under a name. PgBouncer before 1.21 in transaction mode cannot do that. */
  statementNames: boolean;
  /** The largest number of cached credentials. */
  cacheEntries: number;
  /** How long cached credentials are accepted while the database cannot be reached, in milliseconds. */
  maxStalenessMs: number;
}

/** Reads the settings of the database connections and of the cache. */
export function readDatabaseSettings(read: Read): DatabaseSettings {
  return {
    databaseUrl: read("LATCHKEY_DATABASE_URL", undefined, parseDatabaseUrl, "a postgres:// URL"),
    listenUrl: read("LATCHKEY_DATABASE_LISTEN_URL", undefined, parseDatabaseUrl, "a postgres:// URL"),
    dataDir: read("LATCHKEY_DATA_DIR", ".latchkey", (text) => text, ""),
    statementNames: read("LATCHKEY_STATEMENT_NAMES", true, parseSwitch, "on or off"),
    cacheEntries: read("LATCHKEY_CACHE_ENTRIES", 100_000, parseCount, "a number, 1 to 100000000"),
    maxStalenessMs: read("LATCHKEY_MAX_STALENESS", 0, parseStaleness, "seconds, 0 to 60"),
  };
}
