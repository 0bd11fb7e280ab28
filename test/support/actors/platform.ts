import { readConfig } from "../../../src/config/config.ts";
import type { Db } from "../../../src/db/connect.ts";
import { bootstrap } from "../../../src/domain/account/bootstrap.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { unserved } from "../database/store.ts";

/** Creates the platform account of a migrated database, and returns the token of its system key. */
export async function makePlatform(db: Db, env: Record<string, string> = {}): Promise<string> {
  let token = "";
  await bootstrap(unserved(db), mintToken.bind(undefined, readConfig(env).tokenPrefix), {
    verifier: false,
    onMinted({ platform }) {
      token = platform;
    },
  });
  return token;
}
