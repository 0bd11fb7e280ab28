import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type ConnectOptions, connect, type Db, type PoolStats } from "../../../src/db/connect.ts";
import { createDatabase, dropDatabase, quietLog } from "../server/server.ts";

/** A database of a test's own. */
export interface TestDatabase {
  db: Db & { poolStats(): PoolStats };
  url: string;
  drop(): Promise<void>;
}

const poolSize = 10;

/** Another pool to a database that somebody else drops. */
export function openTestDatabase(
  url: string,
  options: Pick<ConnectOptions, "onQuery" | "turns"> = {},
): TestDatabase {
  const db = connect({ url, poolSize, log: quietLog, ...options });
  return { db, url, drop: () => db.destroy() };
}

/**
 * A database for changes behind the service's back, as an operator's psql makes them: those are effective within a
 * lease, and each statement here returns once they are.
 */
export function awaitingChanges(db: Db, settled: () => Promise<unknown>): Db {
  return db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      await settled();
      return result;
    },
  });
}

/** Clones the migrated template (or makes an empty database). Call `drop` at the end: `afterAll(() => database.drop())`. */
export async function createTestDatabase(
  kind: "migrated" | "empty" = "migrated",
  options: Pick<ConnectOptions, "onQuery" | "turns"> = {},
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
