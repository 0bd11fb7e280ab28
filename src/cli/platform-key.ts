import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Store } from "../db/connect.ts";
import { bootstrap, hasPlatform } from "../domain/account/bootstrap.ts";
import type { Mint } from "../domain/kernel/token.ts";

/** Where the tokens of an embedded deployment's platform account are. */
export function keyFiles(config: Pick<Config, "dataDir">) {
  return { platform: join(config.dataDir, "platform-key"), verifier: join(config.dataDir, "verifier-key") };
}

/**
 * Makes the platform account of an embedded deployment where there is none, and leaves two tokens in the data
 * directory: the platform key's, and that of a key that can only verify. They are written before the account is
 * committed, so that there is never an account whose token nobody has.
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

/** Writes a secret into a file that only its owner reads; the file is never there by half. */
export function writeSecret(path: string, secret: string): void {
  const half = `${path}.new`;
  writeFileSync(half, `${secret}\n`, { mode: 0o600 });
  renameSync(half, path);
}
