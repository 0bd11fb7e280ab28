import { execFileSync } from "node:child_process";
import { readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { ensurePlatform } from "../../../src/cli/platform-key.ts";
import { readConfig } from "../../../src/config/config.ts";
import { connect } from "../../../src/db/connect.ts";
import { startEmbedded } from "../../../src/db/embedded/embedded.ts";
import type { User } from "../../../src/db/embedded/postgres-user.ts";
import { migrate, migrationTimeoutMs } from "../../../src/db/migrate.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { unserved } from "../database/store.ts";
import { makeOnce } from "./once.ts";
import { scratchDirectory } from "./scratch.ts";
import { makeLogInsCheap, quietLog } from "./server.ts";

/** Creates a data directory on which only `initdb` has run, for a user or for the current one. */
export function copyCluster(path: string, user?: User): void {
  copyDirectory(inject("clusterTemplate"), path, user);
}

/** Creates a data directory as `latchkey serve` leaves it after its first start: migrated, with its key files. */
export async function copySite(path: string, user?: User): Promise<void> {
  copyDirectory(await siteTemplate(), path, user);
}

/** Creates a data directory as `copySite` does. The program that gets it removes it. */
export async function preparePostgres(): Promise<{ dataDir: string; platformToken: string }> {
  const dataDir = scratchDirectory("prepared");
  rmdirSync(dataDir);
  await copySite(dataDir);
  return { dataDir, platformToken: readFileSync(join(dataDir, "platform-key"), "utf8").trim() };
}

function siteTemplate(): Promise<string> {
  return makeOnce("site", async (path) => {
    copyCluster(path);
    await runOnce(path);
  });
}

/** Does what the first start of a server does, and makes connections cheap. */
async function runOnce(dataDir: string): Promise<void> {
  const config = { ...readConfig({}), dataDir };
  const postgres = await startEmbedded({ dataDir, log: quietLog });
  try {
    const options = { poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog };
    const db = connect({ url: postgres.url, ...options });
    await migrate(db);
    await ensurePlatform(unserved(db), mintToken.bind(undefined, config.tokenPrefix), config);
    await db.destroy();
    await makeLogInsCheap(postgres.url);
  } finally {
    await postgres.stop();
  }
}

function copyDirectory(from: string, to: string, user?: User): void {
  execFileSync("cp", ["-a", from, to]);
  if (user) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, to]);
}
