import { parseSwitch } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How this process speaks to its database. */
export interface DatabaseSettings {
  /** Whether statements are prepared under a name. PgBouncer before 1.21 in transaction mode cannot do that. */
  statementNames: boolean;
}

/** Reads the settings of the database connections. */
export function readDatabaseSettings(read: Read): DatabaseSettings {
  return { statementNames: read("LATCHKEY_STATEMENT_NAMES", true, parseSwitch, "on or off") };
}
