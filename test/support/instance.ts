import { createRouterTransport } from "@connectrpc/connect";
import { createApp } from "../../src/app/app.ts";
import type { AppDeps } from "../../src/app/deps.ts";
import { createEstimator } from "../../src/app/password-estimator.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Mail, Mailer } from "../../src/domain/kernel/mail.ts";
import type { PasswordCost } from "../../src/domain/user/argon2.ts";
import { createPasswords } from "../../src/domain/user/password.ts";
import { createLog } from "../../src/infra/log.ts";
import type { Metrics } from "../../src/infra/metrics.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { withHeaders } from "./actors/clients.ts";
import { cheapPasswords, prepared, testLeaseMs } from "./cheap.ts";
import { knowingPassword } from "./known-password.ts";

// All people of a test have one address, so its limits are high.
const many = "1000000";
const testDefaults = {
  // The memory of a cache is reserved at its start.
  LATCHKEY_CACHE_ENTRIES: "10000",
  LATCHKEY_SIGNUPS_PER_HOUR: many,
  LATCHKEY_PASSWORD_CHANGES_PER_HOUR: many,
  LATCHKEY_MAX_ACCOUNTS_PER_USER: "1000",
};
// All apps of a worker share one estimator, because its thread takes a moment to start.
const estimator = knowingPassword(
  createEstimator({
    onFailure: (error) => {
      throw error;
    },
  }),
);

/** Options that replace the cheap defaults of a test app. */
export interface AppOptions {
  /** The mailer. By default, mails are kept in `mails`. */
  mailer?: Mailer;
  leaseMs?: number;
  /** How long a call waits for the shared store of rate limits. By default long, because a test may run on a busy machine. */
  limitTimeoutMs?: number;
  /** Other URLs of the database, for the lookups of verification and for the change feed. */
  lookupsUrl?: string;
  listenUrl?: string;
  passwordCost?: PasswordCost;
  /** How long a statement may take. By default long, because a test may run on a busy machine. */
  queryTimeoutMs?: number;
  /** If false, connections are given in the order of requests, as if many servers together gave them out. */
  turns?: boolean;
}

/** Assembles one instance of the service on these pools, with the cheap defaults of tests. It is ready when this returns. */
export async function openApp(
  pools: Pick<AppDeps, "db" | "lookups" | "listenUrl">,
  env: Record<string, string>,
  metrics: Metrics,
  {
    mailer: sender,
    leaseMs = testLeaseMs,
    limitTimeoutMs = 10_000,
    passwordCost = cheapPasswords,
  }: AppOptions,
) {
  const config = readConfig({ ...testDefaults, ...env });
  const logLines: string[] = [];
  const log = createLog("trace", { write: (line) => void logLines.push(line) });
  const passwords = await createPasswords(estimator, config.passwordThreads, passwordCost);
  const mails: Mail[] = [];
  const mailer: Mailer = {
    delivers: config.smtpUrl !== undefined,
    async send(mail) {
      mails.push(mail);
    },
  };
  const app = createApp({
    ...pools,
    config,
    passwords,
    mailer: sender ?? mailer,
    limits: defaultLimits,
    log,
    metrics,
    leaseMs,
    limitTimeoutMs,
    ...prepared,
  });
  await app.ready();
  const transport = createRouterTransport(app.routes, { router: app.routerOptions });
  const transportAs = (token: string, headers: Record<string, string> = {}) =>
    withHeaders(transport, { ...headers, ...(token !== "" && { authorization: `Bearer ${token}` }) });
  return { app, mails, logLines, transportAs };
}
