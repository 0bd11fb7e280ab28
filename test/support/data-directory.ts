import { execFileSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { connect } from "../../src/db/connect.ts";
import { startEmbedded } from "../../src/db/embedded.ts";
import { migrate, migrationTimeoutMs } from "../../src/db/migrate.ts";
import type { User } from "../../src/db/postgres-user.ts";
import { mintToken } from "../../src/domain/token.ts";
import { ensurePlatform } from "../../src/platform-key.ts";
import { quietLog } from "./server.ts";

/** Makes a data directory on which `initdb` has run and nothing else, for this user or for ourselves. */
export function copyCluster(path: string, user?: User): void {
  copyDirectory(inject("clusterTemplate"), path, user);
}

/** Makes a data directory as `latchkey serve` leaves it after its first start: migrated, with its key files. */
export async function copySite(path: string, user?: User): Promise<void> {
  copyDirectory(await siteTemplate(), path, user);
}

// Made once in a run, by the first that needs it.
async function siteTemplate(): Promise<string> {
  const path = join(inject("runDirectory"), "site");
  if (existsSync(path)) return path;
  const mine = `${path}-${process.pid}`;
  copyCluster(mine);
  await runOnce(mine);
  try {
    renameSync(mine, path);
  } catch {
    // Another worker was faster.
    rmSync(mine, { recursive: true, force: true });
  }
  return path;
}

/** Does what the first start of a server does. */
async function runOnce(dataDir: string): Promise<void> {
  const config = { ...readConfig({}), dataDir };
  const postgres = await startEmbedded({ dataDir, log: quietLog });
  try {
    const options = { poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog };
    const db = connect({ url: postgres.url, ...options });
    await migrate(db);
    await ensurePlatform(db, mintToken.bind(undefined, config.tokenPrefix), config);
    await db.destroy();
  } finally {
    await postgres.stop();
  }
}

function copyDirectory(from: string, to: string, user?: User): void {
  execFileSync("cp", ["-a", from, to]);
  if (user) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, to]);
}
