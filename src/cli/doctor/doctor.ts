import { type Config, ConfigError, readConfig } from "../../config/config.ts";
import type { Env } from "../../config/reader.ts";
import { connect } from "../../db/connect.ts";
import type { Log } from "../../infra/log.ts";
import { readVersion } from "../version.ts";
import { examineCertificate } from "./certificate.ts";
import { examineDatabaseClock } from "./clock.ts";
import { examineDataDir, noDataDir } from "./data-directory.ts";
import { examineDatabase } from "./database.ts";
import { defaultFeedTiming, examineFeed, type FeedTiming } from "./feed.ts";
import { type Check, type Finding, failed, messageOf, ok, skipped, warning } from "./finding.ts";
import { examineRemote, examineServer, localUrl } from "./server.ts";

/** What `latchkey doctor` depends on. */
export interface DoctorDeps {
  /** The environment, with the settings of the server. */
  env: Env;
  log: Log;
  /** The clock of this machine, in milliseconds. */
  now(): number;
  /** How long the checks of the change feed wait. By default, long enough for every server. */
  feedTiming?: FeedTiming;
}

/** What to check in place of the server of the settings. */
export interface RemoteServer {
  url: string;
  /** The PEM of the authorities that sign its certificate. Unset: those of Node. */
  ca?: string | Buffer | undefined;
}

/** Checks a remote server from outside: no settings, no database. */
export async function diagnoseRemote({ now }: DoctorDeps, { url, ca }: RemoteServer): Promise<Finding[]> {
  const version = readVersion();
  const examination = { url, trust: { ca }, version, expected: true };
  return [versions(version), ...(await examineRemote(examination, now))];
}

/**
 * Checks everything that the server of these settings needs, and the running server. Changes nothing, starts nothing and
 * sends no credential except that of the database. A check that is not possible has the outcome `skipped`.
 */
export async function diagnose({
  env,
  log,
  now,
  feedTiming = defaultFeedTiming,
}: DoctorDeps): Promise<Finding[]> {
  const version = readVersion();
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    return [versions(version), ...wrongSettings(error), ...unchecked("the settings are wrong")];
  }
  const dataDir = config.databaseUrl === undefined ? examineDataDir(config.dataDir) : undefined;
  const url = config.databaseUrl ?? dataDir?.state?.url;
  const { findings, instances } = await databaseFindings(config, url, { log, now, feedTiming });
  return [
    versions(version),
    ...settings(config),
    ...(dataDir?.findings ?? [noDataDir()]),
    ...findings,
    ...examineCertificate(config.tls, now()),
    ...(await serverFindings(config, version, instances)),
  ];
}

function versions(version: string): Finding {
  return ok("versions", `Latchkey ${version} on Node ${process.versions.node}`);
}

function settings({ warnings }: Config): Finding[] {
  if (warnings.length === 0) return [ok("settings", "every setting is valid")];
  return warnings.map((what) =>
    warning("settings", {
      what,
      why: "The setting is possible, but dangerous.",
      remedy: "Change it, unless you accept the risk. README.md describes every setting.",
    }),
  );
}

function wrongSettings(error: unknown): Finding[] {
  if (!(error instanceof ConfigError)) throw error;
  const remedy = "Correct or unset it. README.md lists all settings.";
  return messageLines(error).map((what) =>
    failed("settings", { what, why: "The server does not start.", remedy }),
  );
}

const messageLines = (error: Error) => error.message.split("\n");

function unchecked(reason: string): Finding[] {
  const checks: Check[] = ["data directory", "database", "clock", "feed", "lease", "tls", "server"];
  return checks.map((check) => skipped(check, reason));
}

interface DatabaseFindings {
  findings: Finding[];
  instances: number | undefined;
}

async function databaseFindings(
  config: Config,
  url: string | undefined,
  { log, now, feedTiming: timing }: Required<Omit<DoctorDeps, "env">>,
): Promise<DatabaseFindings> {
  const without = (...checks: Check[]) =>
    checks.map((check) => skipped(check, "the database cannot be asked"));
  if (url === undefined) {
    const reason = "the embedded Postgres does not run: start the server, and run this command again";
    return {
      findings: [skipped("database", reason), ...without("clock", "feed", "lease")],
      instances: undefined,
    };
  }
  const db = connect({ url, poolSize: 2, statementNames: config.statementNames, log });
  try {
    const database = await examineDatabase(db, url, config.statementNames);
    if (!database.usable)
      return { findings: [...database.findings, ...without("clock", "feed", "lease")], instances: undefined };
    const clock = await examineDatabaseClock(db, now).catch((error: unknown) => interrupted("clock", error));
    const feed = await examineFeed({ db, listenUrl: config.listenUrl ?? url, timing });
    return { findings: [...database.findings, clock, ...feed.findings], instances: feed.instances };
  } finally {
    await db.destroy();
  }
}

async function serverFindings(
  config: Config,
  version: string,
  instances: number | undefined,
): Promise<Finding[]> {
  const url = localUrl(config);
  if (url === undefined) return [skipped("server", "LATCHKEY_PORT is 0: `--url` names the server")];
  const cert = config.tls?.cert;
  // The certificate is compared with the file. The request carries no credential.
  const examination = { url, trust: { anything: true }, version, expected: false, cert };
  const findings = await examineServer(examination);
  const runs = findings.some(({ check, outcome }) => check === "server" && outcome === "ok");
  if (!runs || instances !== 0) return findings;
  const what = `the server at ${url} sends no heartbeats to this database`;
  const why = "It uses another database than these settings name, or it has lost its change feed.";
  const remedy = "Compare its environment with this one, and read its log.";
  return [...findings, failed("server", { what, why, remedy })];
}

/** Returns the exit code of a report: 1 if a check failed. */
export function exitCodeOf(findings: readonly Finding[]): number {
  return findings.some(({ outcome }) => outcome === "failed") ? 1 : 0;
}

// The database answered a moment ago, so the report continues without this check.
function interrupted(check: Check, error: unknown): Finding {
  const why = "The connection to the database ended during the check.";
  return failed(check, { what: messageOf(error), why, remedy: "Run this command again." });
}
