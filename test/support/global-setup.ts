import { execFileSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { connect } from "../../src/db/connect.ts";
import { initCluster } from "../../src/db/embedded/cluster.ts";
import { openDataDir } from "../../src/db/embedded/data-dir.ts";
import { startEmbedded } from "../../src/db/embedded/embedded.ts";
import { unprivilegedUser } from "../../src/db/embedded/postgres-user.ts";
import { migrate, migrationTimeoutMs } from "../../src/db/migrate.ts";
import { makePlatform } from "./actors/platform.ts";
import { scratchDirectory } from "./server/scratch.ts";
import { createDatabase, dropDatabase, makeLogInsCheap, quietLog, withServer } from "./server/server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The seed of all random searches. */
    seed: number;
    /** The URL of a migrated database without connections. Tests clone it. */
    templateUrl: string;
    /** The same with the platform account, whose system key has this token. */
    platformTemplate: { url: string; token: string };
    /** A directory of this run for data that is created once and copied. Every user may enter it. */
    runDirectory: string;
    /** An initialised data directory that no Postgres has used. Tests copy it. */
    clusterTemplate: string;
    /** The directory where Node caches the compiled sources of processes that tests start. Every user may write to it. */
    compileCache: string;
  }
}

/**
 * Starts one Postgres and one migrated template for the whole run. Uses LATCHKEY_TEST_DATABASE_URL, or else an embedded
 * Postgres.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide("seed", chooseSeed());
  const directory = scratchDirectory("run");
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  // This also runs if the run is aborted before its teardown.
  process.once("exit", remove);
  chmodSync(directory, 0o711);
  project.provide("runDirectory", directory);
  project.provide("compileCache", makeCompileCache(directory));
  const clusterTemplate = await makeCluster(join(directory, "cluster"));
  project.provide("clusterTemplate", clusterTemplate);

  const server = await startServer(join(directory, "server"), clusterTemplate);
  const run = `latchkey_test_${randomBytes(6).toString("hex")}`;
  try {
    project.provide("templateUrl", await makeTemplate(server.url, run));
    project.provide("platformTemplate", await makePlatformTemplate(server.url, run));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return async () => {
    try {
      await dropRun(server.url, run);
    } finally {
      await server.stop();
      remove();
      process.off("exit", remove);
    }
  };
}

function chooseSeed(): number {
  const seed = Number(process.env.LATCHKEY_TEST_SEED || randomInt(2 ** 31));
  process.stderr.write(`random searches: LATCHKEY_TEST_SEED=${seed} repeats them\n`);
  return seed;
}

function makeCompileCache(directory: string): string {
  const path = join(directory, "compiled");
  mkdirSync(path);
  // The mode argument of mkdir is not enough, because the umask removes bits of it.
  chmodSync(path, 0o1777);
  return path;
}

/** Runs `initdb` in the same way as an embedded Postgres at its first start. */
async function makeCluster(path: string): Promise<string> {
  mkdirSync(path, { mode: 0o700 });
  await initCluster(
    openDataDir(path, () => unprivilegedUser(quietLog)),
    false,
  );
  return path;
}

async function makeTemplate(serverUrl: string, name: string): Promise<string> {
  const url = await createDatabase(serverUrl, name);
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
  try {
    await migrate(db);
  } finally {
    await db.destroy();
  }
  return url;
}

async function makePlatformTemplate(serverUrl: string, migrated: string) {
  const url = await createDatabase(serverUrl, `${migrated}_platform`, migrated);
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
  try {
    return { url, token: await makePlatform(db) };
  } finally {
    await db.destroy();
  }
}

async function startServer(
  dataDir: string,
  clusterTemplate: string,
): Promise<{ url: string; stop(): Promise<void> }> {
  const url = process.env.LATCHKEY_TEST_DATABASE_URL;
  if (url) return { url, stop: async () => undefined };
  execFileSync("cp", ["-a", clusterTemplate, dataDir]);
  const server = await startEmbedded({ dataDir, log: quietLog, settings: unsafeButFast });
  await makeLogInsCheap(server.url);
  return server;
}

const unsafeButFast = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  // Postgres plans a prepared statement five times before it keeps a plan. Here each connection plans it once.
  plan_cache_mode: "force_generic_plan",
  max_connections: "200",
};

/** Drops the databases of this run. A test file that crashed has not dropped its clones. */
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
