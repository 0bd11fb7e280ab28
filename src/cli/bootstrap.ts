import type { Config } from "../config/config.ts";
import { bootstrap, type PlatformTokens, rotatePlatformToken } from "../domain/account/bootstrap.ts";
import { mintToken } from "../domain/kernel/token.ts";
import type { Log } from "../infra/log.ts";
import { createKeyTargets, type KeyTargets } from "./key-targets.ts";
import { type OpenDatabase, openDatabase } from "./open-database.ts";
import { keyFiles } from "./platform-key.ts";
import { withStore } from "./store.ts";

/** The options of `latchkey bootstrap`. */
export interface BootstrapArguments {
  rotate: boolean;
  /** A new file for the platform token. Unset: stdout, or the data directory of an embedded database. */
  out: string | undefined;
  /** A new file for the token of a key that can only verify. Unset: no such key, or the data directory. */
  verifierOut: string | undefined;
}

/**
 * Creates the platform account, or with `rotate` replaces its token. The files of the arguments are created before anything
 * else, so that a wrong path changes nothing. The tokens are written before the commit, so that none is lost.
 */
export async function bootstrapCommand(config: Config, log: Log, args: BootstrapArguments): Promise<void> {
  const targets = createKeyTargets();
  // A signal ends the process through its exit hooks. If empty files stayed, the next run would refuse to overwrite them.
  const removeEmpty = () => void targets.abandon();
  process.on("exit", removeEmpty);
  try {
    targets.create({ platform: args.out, verifier: args.verifierOut });
    const database = await openDatabase(config, log);
    try {
      if (database.embedded) targets.replace(ownFiles(config, args));
      const tokens = await change(database, config, log, args, targets);
      targets.keep();
      process.stdout.write(report(tokens, targets));
    } finally {
      await database.close();
    }
  } catch (error) {
    const left = targets.abandon();
    throw left === "" ? error : new Error(`${error instanceof Error ? error.message : error}${left}`);
  } finally {
    process.off("exit", removeEmpty);
  }
}

// A rotation replaces only the platform token.
function ownFiles(config: Config, { rotate }: BootstrapArguments) {
  const { platform, verifier } = keyFiles(config);
  return { platform, ...(!rotate && { verifier }) };
}

async function change(
  database: OpenDatabase,
  config: Config,
  log: Log,
  { rotate }: BootstrapArguments,
  targets: KeyTargets,
): Promise<PlatformTokens> {
  const mint = mintToken.bind(undefined, config.tokenPrefix);
  let minted: PlatformTokens = { platform: "" };
  const onMinted = (tokens: PlatformTokens) => {
    minted = tokens;
    targets.write(tokens);
  };
  await withStore(database, log, (store) =>
    rotate
      ? // No running instance accepts the old token any more when the new one is shown.
        rotatePlatformToken(store, mint, onMinted)
      : bootstrap(store, mint, { verifier: targets.verifier !== undefined, onMinted }),
  );
  return minted;
}

function report({ platform }: PlatformTokens, targets: KeyTargets): string {
  const lines = [
    targets.platform ? `the platform key is in ${targets.platform.path}` : platform,
    ...(targets.verifier ? [`a key that can only verify is in ${targets.verifier.path}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}
