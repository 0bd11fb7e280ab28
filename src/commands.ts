import { Code, ConnectError } from "@connectrpc/connect";
import type { Config } from "./config.ts";
import { openDatabase } from "./database.ts";
import { watchDatabase } from "./database-health.ts";
import { bootstrap, rotatePlatformToken } from "./domain/bootstrap.ts";
import { createPasswords } from "./domain/password.ts";
import { mintToken } from "./domain/token.ts";
import type { Log } from "./log.ts";
import { createMailer } from "./mail.ts";
import { createMetrics, type PoolStats } from "./metrics.ts";
import { defaultLimits } from "./net/limits.ts";
import { openMetricsPort } from "./net/metrics-port.ts";
import { openPort } from "./net/port.ts";
import { ensurePlatform, keyFiles, writeSecret } from "./platform-key.ts";
import { createApp } from "./server.ts";
import { nextSignal } from "./signals.ts";
import { welcome } from "./welcome.ts";

/** Runs the service until SIGTERM or SIGINT, then lets what is under way finish, and ends the process with code 0. */
export async function serveCommand(config: Config, log: Log): Promise<void> {
  let pool: () => PoolStats = () => ({ total: 0, idle: 0, waiting: 0 });
  const metrics = createMetrics(() => pool());
  const database = await openDatabase(config, log, metrics.query);
  const { db } = database;
  pool = () => db.poolStats();
  try {
    const mint = mintToken.bind(undefined, config.tokenPrefix);
    if (database.embedded) await ensurePlatform(db, mint, config);
    const shutdown = new AbortController();
    const limits = defaultLimits;
    const passwords = await createPasswords();
    const mailer = createMailer(config.smtpUrl, config.mailFrom, config.dataDir, log);
    const app = createApp({
      db,
      config,
      passwords,
      mailer,
      limits,
      log,
      metrics,
      shutdownSignal: shutdown.signal,
    });
    const port = await openPort({
      ...config,
      handler: app.handler,
      limits,
      onRefusal({ reason, address }) {
        metrics.refusedConnection(reason);
        log.warn({ reason, address }, "a connection was refused");
      },
      onError: (error) => log.error({ error: String(error) }, "a request failed: this is a bug"),
    });
    const metricsPort =
      config.metricsPort === undefined
        ? undefined
        : await openMetricsPort({ host: config.host, port: config.metricsPort, render: metrics.render });
    app.health.set("latchkey.v1.Live", true);
    app.health.set("", false);
    const watch = watchDatabase(db, (reachable) => {
      app.health.set("", reachable);
      log.info({ reachable }, "the database");
    });
    process.stdout.write(`latchkey listening on ${port.url}\n`);
    if (database.embedded) process.stderr.write(welcome(port.url, keyFiles(config)));

    await nextSignal();
    log.info({}, "draining");
    watch.stop();
    app.health.set("", false);
    shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
    await port.drain();
    await app.close();
    await metricsPort?.close();
  } finally {
    await database.close();
  }
  process.exit(0);
}

/** Brings the database forward, and says what it did. */
export async function migrateCommand(config: Config, log: Log): Promise<void> {
  const database = await openDatabase(config, log);
  await database.close();
  const { applied } = database;
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(", ")}\n` : "nothing to do\n");
}

/** Makes the platform account, or with `rotate` replaces its lost token, and shows the token once. */
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
    if (rotate) show(await rotatePlatformToken(database.db, mint));
    else {
      let minted = "";
      await bootstrap(database.db, mint, {
        verifier: false,
        onMinted: (tokens) => (minted = tokens.platform),
      });
      show(minted);
    }
  } finally {
    await database.close();
  }
}
