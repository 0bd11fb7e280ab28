import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Store } from "../db/connect.ts";
import { bootstrap, hasPlatform } from "../domain/account/bootstrap.ts";
import type { Mint } from "../domain/kernel/token.ts";
import { createKeyTargets } from "./key-targets.ts";

/** The paths of the two key files of an embedded database. */
export interface KeyFiles {
  platform: string;
  verifier: string;
}

/** The files that hold the tokens of the platform account, for an embedded database. */
export function keyFiles(config: Pick<Config, "dataDir">): KeyFiles {
  return { platform: join(config.dataDir, "platform-key"), verifier: join(config.dataDir, "verifier-key") };
}

/**
 * Creates the platform account if it is missing. Writes two tokens to the data directory: that of the platform key, and
 * that of a key that can only verify. The files are written before the commit, so that no account exists without them.
 */
export async function ensurePlatform(db: Store, mint: Mint, config: Pick<Config, "dataDir">): Promise<void> {
  if (await hasPlatform(db)) return;
  const targets = createKeyTargets();
  try {
    targets.replace(keyFiles(config));
    await bootstrap(db, mint, { verifier: true, onMinted: targets.write });
    targets.keep();
  } catch (error) {
    targets.abandon();
    throw error;
  }
}
