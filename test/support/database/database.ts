import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type ConnectOptions, connect, type Db, type PoolStats } from "../../../src/db/connect.ts";
import { createDatabase, dropDatabase, quietLog, withKeptServer } from "../server/server.ts";

/** A database that only one test uses. */
export interface TestDatabase {
  db: Db & { poolStats(): PoolStats };
  url: string;
  drop(): Promise<void>;
}

/** How the pool of a test differs from the default. */
export interface PoolOptions extends Pick<ConnectOptions, "onQuery" | "turns"> {
  queryTimeoutMs?: number | undefined;
}

const poolSize = 10;
// A busy machine may need much longer for a statement than production allows.
const patientMs = 20_000;

/** Opens another pool to a database that another owner drops. */
export function openTestDatabase(
  url: string,
  { queryTimeoutMs = patientMs, ...options }: PoolOptions = {},
): TestDatabase {
  const db = connect({ url, poolSize, queryTimeoutMs, log: quietLog, ...options });
  return { db, url, drop: () => db.destroy() };
}

/**
 * Returns a database for changes by SQL, as an operator makes them with psql. Such a change is effective within a
 * lease. Each statement returns when its change is effective. A read of the query builder changes nothing, and does not wait.
 */
export function awaitingChanges(db: Db, settled: () => Promise<unknown>): Db {
  const reads = new WeakSet<object>();
  return db.withPlugin({
    transformQuery({ node, queryId }) {
      if (node.kind === "SelectQueryNode") reads.add(queryId);
      return node;
    },
    async transformResult({ result, queryId }) {
      if (!reads.has(queryId)) await settled();
      return result;
    },
  });
}

/**
 * Clones the migrated template, or the one with a platform account, or creates an empty database. Call `drop` at the
 * end: `afterAll(() => database.drop())`.
 */
export async function createTestDatabase(
  kind: "migrated" | "platform" | "empty" = "migrated",
  { queryTimeoutMs = patientMs, ...options }: PoolOptions = {},
): Promise<TestDatabase> {
  const template = new URL(kind === "platform" ? inject("platformTemplate").url : inject("templateUrl"));
  const templateName = template.pathname.slice(1);
  const name = `${templateName}_${randomBytes(6).toString("hex")}`;
  // Postgres copies a template only while no connection to it is open.
  template.pathname = "/postgres";
  const serverUrl = template.href;
  const url = await createDatabase(
    serverUrl,
    name,
    kind === "empty" ? "template1" : templateName,
    withKeptServer,
  );
  const db = connect({ url, poolSize, queryTimeoutMs, log: quietLog, ...options });
  async function drop(): Promise<void> {
    await db.destroy();
    await dropDatabase(serverUrl, name, withKeptServer);
  }
  return { db, url, drop };
}
