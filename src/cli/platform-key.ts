import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Store } from "../db/connect.ts";
import { bootstrap, hasPlatform } from "../domain/account/bootstrap.ts";
import type { Mint } from "../domain/kernel/token.ts";

/** The files that hold the tokens of the platform account, for an embedded database. */
export function keyFiles(config: Pick<Config, "dataDir">) {
  return { platform: join(config.dataDir, "platform-key"), verifier: join(config.dataDir, "verifier-key") };
}

/**
 * Creates the platform account if it is missing. Writes two tokens to the data directory: that of the platform key, and
 * that of a key that can only verify. The files are written before the commit, so that no account exists without them.
 */
export async function ensurePlatform(db: Store, mint: Mint, config: Pick<Config, "dataDir">): Promise<void> {
  if (await hasPlatform(db)) return;
  const files = keyFiles(config);
  await bootstrap(db, mint, {
    verifier: true,
    onMinted({ platform, verifier = "" }) {
      writeSecret(files.platform, platform);
      writeSecret(files.verifier, verifier);
    },
  });
}

/** Writes a secret to a file with mode 0600. Readers see the old file or the complete new one. */
export function writeSecret(path: string, secret: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${secret}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}
