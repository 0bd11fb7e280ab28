import cluster from "node:cluster";
import { reportExceededBounds } from "../app/bounds-report.ts";
import type { Config } from "../config/config.ts";
import type { Db } from "../db/connect.ts";
import { hasPlatform } from "../domain/account/bootstrap.ts";
import { mintToken } from "../domain/kernel/token.ts";
import type { Log } from "../infra/log.ts";
import { createMetrics, createWorkerMetrics, type PoolStats, type Rendered } from "../infra/metrics.ts";
import { openMetricsPort } from "../net/metrics-port.ts";
import { openDatabase } from "./open-database.ts";
import { ensurePlatform, keyFiles } from "./platform-key.ts";
import { quickstart } from "./quickstart.ts";
import { type ServeDeps, serve } from "./serve.ts";
import { withStore } from "./store.ts";
import { readVersion } from "./version.ts";
import { reportReady, runWorkers } from "./workers.ts";

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
  const metrics = createMetrics(readVersion(), () => pools());
  const database = await openDatabase(config, log, { onQuery: metrics.query, migrated: cluster.isWorker });
  pools = () => ({ calls: database.db.poolStats(), lookups: database.lookups.poolStats() });
  let reported: Promise<unknown> | undefined;
  try {
    if (database.embedded) {
      const mint = mintToken.bind(undefined, config.tokenPrefix);
      await withStore(database, log, (store) => ensurePlatform(store, mint, config));
    }
    const onReady = (url: string) => {
      process.stdout.write(`latchkey listening on ${url}\n`);
      if (database.embedded) process.stderr.write(quickstart(url, keyFiles(config)));
      reported = Promise.all([
        reportExceededBounds(database.db, config.bounds, log),
        reportMissingPlatform(database.db, log),
      ]);
    };
    if (cluster.isWorker) {
      metrics.offer();
      await serve({ ...replaced, config, database, log, metrics, onReady: reportReady });
    } else if (config.workers > 1) {
      const metricsPort = await openMetrics(config, createWorkerMetrics());
      // The URL is passed in the environment, because every user of the machine can read the arguments of a process.
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

// Without the platform account, tenants can use the service, but no other service can verify their tokens.
async function reportMissingPlatform(db: Db, log: Log): Promise<void> {
  // If the database cannot be reached now, the log has other lines about that.
  if (await hasPlatform(db).catch(() => true)) return;
  const command = "latchkey bootstrap --out platform-key --verifier-out verifier-key";
  log.warn({ command }, `this database has no platform account. To create it, run \`${command}\``);
}

async function openMetrics({ host, metricsPort: port }: Config, render: () => Promise<Rendered>) {
  return port === undefined ? undefined : await openMetricsPort({ host, port, render });
}
