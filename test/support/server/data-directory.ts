import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inject } from "vitest";
import { ensurePlatform } from "../../../src/cli/platform-key.ts";
import { readConfig } from "../../../src/config/config.ts";
import { connect } from "../../../src/db/connect.ts";
import { startEmbedded } from "../../../src/db/embedded/embedded.ts";
import type { User } from "../../../src/db/embedded/postgres-user.ts";
import { migrate, migrationTimeoutMs } from "../../../src/db/migrate.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { unserved } from "../database/store.ts";
import { quietLog } from "./server.ts";

const pollMs = 20;

/** Creates a data directory on which only `initdb` has run, for a user or for the current one. */
export function copyCluster(path: string, user?: User): void {
  copyDirectory(inject("clusterTemplate"), path, user);
}

/** Creates a data directory as `latchkey serve` leaves it after its first start: migrated, with its key files. */
export async function copySite(path: string, user?: User): Promise<void> {
  copyDirectory(await siteTemplate(), path, user);
}

// The first test in any worker that needs the template creates it. The other tests wait for it.
async function siteTemplate(): Promise<string> {
  const path = join(inject("runDirectory"), "site");
  const making = `${path}.making`;
  while (!existsSync(path)) {
    if (!makeDirectory(making)) await setTimeout(pollMs);
    else await make(making, path);
  }
  return path;
}

async function make(making: string, path: string): Promise<void> {
  try {
    if (existsSync(path)) return;
    const dataDir = join(making, "data");
    copyCluster(dataDir);
    await runOnce(dataDir);
    renameSync(dataDir, path);
  } finally {
    rmSync(making, { recursive: true });
  }
}

/** Creates a directory if it does not exist. Returns whether it did. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Does what the first start of a server does. */
async function runOnce(dataDir: string): Promise<void> {
  const config = { ...readConfig({}), dataDir };
  const postgres = await startEmbedded({ dataDir, log: quietLog });
  try {
    const options = { poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog };
    const db = connect({ url: postgres.url, ...options });
    await migrate(db);
    await ensurePlatform(unserved(db), mintToken.bind(undefined, config.tokenPrefix), config);
    await db.destroy();
  } finally {
    await postgres.stop();
  }
}

function copyDirectory(from: string, to: string, user?: User): void {
  execFileSync("cp", ["-a", from, to]);
  if (user) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, to]);
}
