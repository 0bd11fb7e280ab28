import { createVocabulary, type Vocabulary } from "../domain/access/permission-vocabulary.ts";
import type { PasswordThreads } from "../domain/user/password.ts";
import type { OidcIssuer } from "../verify/oidc/oidc.ts";
import { type AuditSettings, readAuditSettings } from "./audit-settings.ts";
import { type BoundSettings, readBounds } from "./bounds.ts";
import { type DatabaseSettings, readDatabaseSettings } from "./database-settings.ts";
import { parseOidcSetting } from "./oidc-setting.ts";
import {
  day,
  isPair,
  matching,
  parseCount,
  parseDatabaseUrl,
  parseDuration,
  parseNetworks,
  parseOrigins,
  parsePort,
  parseSmtpUrl,
  parseStaleness,
  parseWorkers,
  readFile,
  splitList,
} from "./parse.ts";
import { readPasswordThreads } from "./password-threads.ts";
import { type PeopleSettings, readPeopleSettings } from "./people-settings.ts";
import { type PortSettings, readPortSettings } from "./port-settings.ts";
import { createReader, type Env } from "./reader.ts";

/** The settings of one process, checked and complete. */
export interface Config extends DatabaseSettings, PeopleSettings, AuditSettings, BoundSettings, PortSettings {
  host: string;
  /** 0: any free one. */
  port: number;
  /** Unset: an embedded Postgres under `dataDir`. */
  databaseUrl: string | undefined;
  /** Where changes are told, where the pool goes through a pooler. Unset: `databaseUrl`. */
  listenUrl: string | undefined;
  /** How many credentials are remembered at most. */
  cacheEntries: number;
  /** For how long what was verified is served while the database cannot be reached. */
  maxStalenessMs: number;
  /** Processes that serve, on one port. */
  workers: number;
  dataDir: string;
  tokenPrefix: string;
  tls: { cert: Buffer; key: Buffer } | undefined;
  corsOrigins: string[];
  /** Addresses or networks (CIDR) whose `X-Forwarded-For` is believed. */
  trustedProxies: string[];
  /** The permissions that this deployment knows. Unset: any. */
  permissions: Vocabulary | undefined;
  /** Whose access tokens are accepted beside our own. */
  oidcIssuers: OidcIssuer[];
  signup: "open" | "closed";
  /** Unset: mail is kept in files. */
  smtpUrl: string | undefined;
  mailFrom: string;
  /** Threads of node's pool that hash passwords. */
  passwordThreads: PasswordThreads;
  sessionIdleMs: number;
  sessionLifetimeMs: number;
  logLevel: string;
  /** Unset: no metrics are served. */
  metricsPort: number | undefined;
}

/** What is wrong with the environment: every wrong setting, a line each. */
export class ConfigError extends Error {}

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];
// Settings of the whole design that this version does not have: refused, because ignoring them would be a lie.
const notYet = ["LATCHKEY_REDIS_URL", "LATCHKEY_USAGE_RETENTION"];

/** Reads the settings once. Throws one `ConfigError` that names every wrong value and every unknown name. */
export function readConfig(env: Env): Config {
  const { read, problems, checkNames } = createReader(env);
  const cert = read("LATCHKEY_TLS_CERT", undefined, readFile, "the path of a readable PEM file");
  const key = read("LATCHKEY_TLS_KEY", undefined, readFile, "the path of a readable PEM file");
  const workers = read("LATCHKEY_WORKERS", 1, parseWorkers, "a number, 1 to 64, or auto");
  const config: Config = {
    ...readDatabaseSettings(read),
    ...readPortSettings(read),
    host: read("LATCHKEY_HOST", "127.0.0.1", (text) => text, ""),
    port: read("LATCHKEY_PORT", 8080, parsePort, "a port, 0 to 65535"),
    databaseUrl: read("LATCHKEY_DATABASE_URL", undefined, parseDatabaseUrl, "a postgres:// URL"),
    listenUrl: read("LATCHKEY_DATABASE_LISTEN_URL", undefined, parseDatabaseUrl, "a postgres:// URL"),
    cacheEntries: read("LATCHKEY_CACHE_ENTRIES", 100_000, parseCount, "a number, 1 to 100000000"),
    maxStalenessMs: read("LATCHKEY_MAX_STALENESS", 0, parseStaleness, "seconds, 0 to 60"),
    workers,
    dataDir: read("LATCHKEY_DATA_DIR", ".latchkey", (text) => text, ""),
    tokenPrefix: read(
      "LATCHKEY_TOKEN_PREFIX",
      "lk",
      matching(/^[a-z0-9]{2,10}$/),
      "2 to 10 lower-case letters or digits",
    ),
    tls: cert && key && { cert, key },
    corsOrigins: read(
      "LATCHKEY_CORS_ORIGINS",
      [],
      parseOrigins,
      "* or origins such as https://app.example, comma-separated",
    ),
    trustedProxies: read(
      "LATCHKEY_TRUSTED_PROXIES",
      [],
      parseNetworks,
      "IP addresses or networks such as 10.0.0.0/8, comma-separated",
    ),
    permissions: read(
      "LATCHKEY_PERMISSIONS",
      undefined,
      (text) => createVocabulary(splitList(text)),
      "resources such as agents and verbs such as runs:start, comma-separated",
    ),
    oidcIssuers: read(
      "LATCHKEY_OIDC_ISSUERS",
      [],
      (text) => {
        const setting = parseOidcSetting(text);
        problems.push(...setting.problems.map((problem) => `LATCHKEY_OIDC_ISSUERS${problem}`));
        return setting.issuers;
      },
      "",
    ),
    signup: read(
      "LATCHKEY_SIGNUP",
      "open",
      (text) => (text === "open" || text === "closed" ? text : undefined),
      "open or closed",
    ),
    smtpUrl: read("LATCHKEY_SMTP_URL", undefined, parseSmtpUrl, "a smtp:// or smtps:// URL"),
    mailFrom: read(
      "LATCHKEY_MAIL_FROM",
      "latchkey@localhost",
      matching(/^[^\s<>]+@[^\s<>]+$/),
      "an e-mail address",
    ),
    passwordThreads: readPasswordThreads(read, workers),
    ...readPeopleSettings(read),
    ...readAuditSettings(read),
    ...readBounds(read),
    sessionIdleMs: read("LATCHKEY_SESSION_IDLE", 7 * day, parseDuration, "a duration such as 30m, 12h or 7d"),
    sessionLifetimeMs: read(
      "LATCHKEY_SESSION_LIFETIME",
      30 * day,
      parseDuration,
      "a duration such as 30m, 12h or 7d",
    ),
    logLevel: read(
      "LATCHKEY_LOG_LEVEL",
      "info",
      (text) => logLevels.find((level) => level === text),
      logLevels.join(", "),
    ),
    metricsPort: read("LATCHKEY_METRICS_PORT", undefined, parsePort, "a port, 0 to 65535"),
  };
  if (!env.LATCHKEY_TLS_CERT !== !env.LATCHKEY_TLS_KEY) {
    problems.push("LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY: expected both or neither");
  }
  if (config.tls && !isPair(config.tls)) {
    problems.push("LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY: expected a certificate and its own key, in PEM");
  }
  checkNames(notYet);
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return config;
}
