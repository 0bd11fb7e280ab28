import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { connect } from "../../src/db/connect.ts";
import { startEmbedded } from "../../src/db/embedded.ts";
import { migrate, migrationTimeoutMs } from "../../src/db/migrate.ts";
import { createDatabase, dropDatabase, quietLog, withServer } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A migrated database that nobody is connected to; tests clone it. */
    templateUrl: string;
  }
}

/** One Postgres and one migrated template for the whole run: LATCHKEY_TEST_DATABASE_URL, or an embedded one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer(process.env.LATCHKEY_TEST_DATABASE_URL);
  const run = `latchkey_test_${randomBytes(6).toString("hex")}`;
  try {
    const templateUrl = await createDatabase(server.url, run);
    const db = connect({ url: templateUrl, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
    try {
      await migrate(db);
    } finally {
      await db.destroy();
    }
    project.provide("templateUrl", templateUrl);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return async () => {
    try {
      await dropRun(server.url, run);
    } finally {
      await server.stop();
    }
  };
}

async function startServer(url: string | undefined): Promise<{ url: string; stop(): Promise<void> }> {
  if (url) return { url, stop: async () => undefined };
  const dataDir = await mkdtemp(join(tmpdir(), "latchkey-test-"));
  const remove = () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  // Where the run is cut short before its teardown.
  process.once("exit", remove);
  const embedded = await startEmbedded({ dataDir, log: quietLog, settings: unsafeButFast });
  const stop = async () => {
    await embedded.stop();
    remove();
    process.off("exit", remove);
  };
  return { url: embedded.url, stop };
}

const unsafeButFast = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  max_connections: "200",
};

/** A test file that crashed has left its clones behind. */
async function dropRun(serverUrl: string, run: string): Promise<void> {
  const names = await withServer(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      "select datname from pg_database where starts_with(datname, $1)",
      [run],
    );
    return rows.map((row) => row.datname);
  });
  for (const name of names) await dropDatabase(serverUrl, name);
}
