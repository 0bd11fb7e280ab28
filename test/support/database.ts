import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type ConnectOptions, connect, type Db, type PoolStats } from "../../src/db/connect.ts";
import { createDatabase, dropDatabase, quietLog } from "./server.ts";

/** A database of a test's own. */
export interface TestDatabase {
  db: Db & { poolStats(): PoolStats };
  url: string;
  drop(): Promise<void>;
}

const poolSize = 10;

/** Clones the migrated template (or makes an empty database). Call `drop` at the end: `afterAll(() => database.drop())`. */
export async function createTestDatabase(
  kind: "migrated" | "empty" = "migrated",
  options: Pick<ConnectOptions, "onQuery"> = {},
): Promise<TestDatabase> {
  const template = new URL(inject("templateUrl"));
  const templateName = template.pathname.slice(1);
  const name = `${templateName}_${randomBytes(6).toString("hex")}`;
  // Nobody may be connected to a template while it is copied.
  template.pathname = "/postgres";
  const serverUrl = template.href;
  const url = await createDatabase(serverUrl, name, kind === "migrated" ? templateName : "template1");
  const db = connect({ url, poolSize, log: quietLog, ...options });
  async function drop(): Promise<void> {
    await db.destroy();
    await dropDatabase(serverUrl, name);
  }
  return { db, url, drop };
}
