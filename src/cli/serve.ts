import { Code, ConnectError } from "@connectrpc/connect";
import { createApp } from "../app/app.ts";
import { reportClosed } from "../app/connection-log.ts";
import type { AppDeps } from "../app/deps.ts";
import { createEstimator } from "../app/password-estimator.ts";
import type { Config } from "../config/config.ts";
import { createPasswords } from "../domain/user/password.ts";
import type { Log } from "../infra/log.ts";
import { createMailer } from "../infra/mailer.ts";
import type { Metrics } from "../infra/metrics.ts";
import { createTrust } from "../net/client-address.ts";
import { defaultLimits, type Limits } from "../net/limits.ts";
import { openPort } from "../net/port.ts";
import { watchDatabase } from "./database-health.ts";
import type { OpenDatabase } from "./open-database.ts";
import { affordableConnections } from "./open-files.ts";
import { nextSignal } from "./signals.ts";

/** What an instance of the service needs. */
export interface ServeDeps extends Pick<AppDeps, "coherenceParts" | "lookupLimits"> {
  config: Config;
  database: OpenDatabase;
  log: Log;
  metrics: Metrics;
  /** Limits that no setting changes. Unset: those of production. */
  limits?: Limits | undefined;
  /** Called when the instance serves. */
  onReady(url: string): void;
}

/** Serves on the port of the settings until SIGTERM or SIGINT, then lets running calls finish. */
export async function serve({
  config,
  database,
  log,
  metrics,
  limits: fixedLimits = defaultLimits,
  onReady,
  ...replaced
}: ServeDeps): Promise<void> {
  const { db, lookups, listenUrl } = database;
  const shutdown = new AbortController();
  const { maxConnectionsPerAddress } = config;
  const maxConnections = affordableConnections(config.maxConnections, log);
  const limits = { ...fixedLimits, maxConnections, maxConnectionsPerAddress };
  const estimator = createEstimator({
    onFailure: (error) =>
      log.error({ error: error.message }, "password strength cannot be estimated for a moment"),
  });
  const passwords = await createPasswords(estimator, config.passwordThreads);
  const mailer = createMailer(config.smtpUrl, config.mailFrom, config.dataDir, log);
  const app = createApp({
    db,
    lookups,
    listenUrl,
    config,
    passwords,
    mailer,
    limits,
    log,
    metrics,
    shutdownSignal: shutdown.signal,
    ...replaced,
  });
  const closed = reportClosed(log, metrics);
  const starting = openPort({
    ...config,
    handler: app.handler,
    plain: app.plain,
    limits,
    isExempt: createTrust(config.trustedProxies),
    isReady: () => app.health.get("") === true,
    onRefusal: closed.refused,
    onEviction: closed.evicted,
    onError: (error) => log.error({ error: String(error) }, "a request failed: this is a bug"),
  });
  const port = await starting.catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  await app.ready();
  app.health.set("latchkey.v1.Live", true);
  app.health.set("", false);
  const watch = watchDatabase(db, app.primary, (reachable) => {
    app.health.set("", reachable);
    log.info({ reachable }, "database reachability changed");
  });
  onReady(port.url);

  await nextSignal();
  log.info({}, "draining");
  watch.stop();
  app.health.set("", false);
  await app.releaseGuards();
  shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
  await port.drain();
  closed.stop();
  await app.close();
  await estimator.close();
}
