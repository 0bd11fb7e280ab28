import type { Kysely } from "kysely";
import * as probe from "./0001_probe.ts";

/** One numbered step forward. A server's level is the number of migrations it knows. */
export interface Migration {
  name: string;
  /** The lowest level of server that still works with the database after this step. */
  oldestServer: number;
  up(db: Kysely<unknown>): Promise<void>;
}

/** Every migration, in order. Released ones are never edited, reordered or removed. */
export const migrations: readonly Migration[] = [{ name: "0001_probe", ...probe }];
