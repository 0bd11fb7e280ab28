import type { Config } from "../config/config.ts";
import type { Log } from "../infra/log.ts";
import { openDatabase } from "./open-database.ts";

/** Applies pending migrations and prints their names. */
export async function migrateCommand(config: Config, log: Log): Promise<void> {
  const database = await openDatabase(config, log);
  await database.close();
  const { applied } = database;
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(", ")}\n` : "no pending migrations\n");
}
