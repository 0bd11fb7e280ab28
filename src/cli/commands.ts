import cluster from "node:cluster";
import { reportExceededBounds } from "../app/bounds-report.ts";
import type { Config } from "../config/config.ts";
import { bootstrap, type PlatformTokens, rotatePlatformToken } from "../domain/account/bootstrap.ts";
import { mintToken } from "../domain/kernel/token.ts";
import type { Log } from "../infra/log.ts";
import { createMetrics, createWorkerMetrics, type PoolStats, type Rendered } from "../infra/metrics.ts";
import { openMetricsPort } from "../net/metrics-port.ts";
import { externalIdsCommand } from "./external-ids.ts";
import { openDatabase } from "./open-database.ts";
import { ensurePlatform, keyFiles, writeSecret } from "./platform-key.ts";
import { quickstart } from "./quickstart.ts";
import { type ServeDeps, serve } from "./serve.ts";
import { withStore } from "./store.ts";
import { reportReady, runWorkers } from "./workers.ts";

export { externalIdsCommand };

/**
 * Runs the service until SIGTERM or SIGINT. Then it lets running calls finish and exits with code 0. With
 * `LATCHKEY_WORKERS` above 1, it starts that many processes.
 */
export async function serveCommand(
  config: Config,
  log: Log,
  {
    limits,
    coherenceParts,
    lookupLimits,
  }: Pick<ServeDeps, "limits" | "coherenceParts" | "lookupLimits"> = {},
): Promise<void> {
  const replaced = { limits, coherenceParts, lookupLimits };
  for (const warning of config.warnings) if (cluster.isPrimary) log.warn({}, warning);
  let pools: () => Record<string, PoolStats> = () => ({});
  const metrics = createMetrics(() => pools());
  const database = await openDatabase(config, log, { onQuery: metrics.query, migrated: cluster.isWorker });
  pools = () => ({ calls: database.db.poolStats(), lookups: database.lookups.poolStats() });
  let reported: Promise<void> | undefined;
  try {
    if (database.embedded) {
      const mint = mintToken.bind(undefined, config.tokenPrefix);
      await withStore(database, log, (store) => ensurePlatform(store, mint, config));
    }
    const onReady = (url: string) => {
      process.stdout.write(`latchkey listening on ${url}\n`);
      if (database.embedded) process.stderr.write(quickstart(url, keyFiles(config)));
      reported = reportExceededBounds(database.db, config.bounds, log);
    };
    if (cluster.isWorker) {
      metrics.offer();
      await serve({ ...replaced, config, database, log, metrics, onReady: reportReady });
    } else if (config.workers > 1) {
      const metricsPort = await openMetrics(config, createWorkerMetrics());
      // In the environment, because every user of the machine can read the arguments of a process.
      const env = { LATCHKEY_DATABASE_URL: database.url };
      await runWorkers({ count: config.workers, env, log, onReady });
      await metricsPort?.close();
    } else {
      const metricsPort = await openMetrics(config, metrics.render);
      await serve({ ...replaced, config, database, log, metrics, onReady });
      await metricsPort?.close();
    }
  } finally {
    await reported;
    await database.close();
  }
  process.exit(0);
}

async function openMetrics({ host, metricsPort: port }: Config, render: () => Promise<Rendered>) {
  return port === undefined ? undefined : await openMetricsPort({ host, port, render });
}

/** Applies pending migrations and prints their names. */
export async function migrateCommand(config: Config, log: Log): Promise<void> {
  const database = await openDatabase(config, log);
  await database.close();
  const { applied } = database;
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(", ")}\n` : "no pending migrations\n");
}

/** Creates the platform account, or with `rotate` replaces its token. Prints the token once. */
export async function bootstrapCommand(
  config: Config,
  log: Log,
  { rotate }: { rotate: boolean },
): Promise<void> {
  const database = await openDatabase(config, log);
  const show = (token: string) => {
    if (!database.embedded) process.stdout.write(`${token}\n`);
    else {
      writeSecret(keyFiles(config).platform, token);
      process.stdout.write(`the platform key is in ${keyFiles(config).platform}\n`);
    }
  };
  try {
    const mint = mintToken.bind(undefined, config.tokenPrefix);
    if (rotate) {
      // No running instance accepts the old token any more when the new one is printed.
      show(await withStore(database, log, (store) => rotatePlatformToken(store, mint)));
    } else {
      let minted = "";
      const onMinted = (tokens: PlatformTokens) => {
        minted = tokens.platform;
      };
      await withStore(database, log, (store) => bootstrap(store, mint, { verifier: false, onMinted }));
      show(minted);
    }
  } finally {
    await database.close();
  }
}
