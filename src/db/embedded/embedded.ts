import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log.ts";
import { type Address, chooseAddress, clearSocket } from "./address.ts";
import { clusterCommand, clusterUrl, initCluster, operatorCommand } from "./cluster.ts";
import { type Cluster, openDataDir } from "./data-dir.ts";
import { lockDirectory } from "./lock.ts";
import { openPostgresLog, type PostgresLog } from "./postgres-log.ts";
import { unprivilegedUser } from "./postgres-user.ts";
import { endPostgres, endPredecessor, readPidFile } from "./postmaster.ts";
import { linkLibraries } from "./programs.ts";

const pollMs = 10;
const readyTimeoutMs = 60_000;
const inUseTimeoutMs = 10_000;
const inUseRetryMs = 100;
const restartDelayMs = 1_000;

const defaultSettings: Record<string, string> = {
  max_connections: "100",
  shared_buffers: "64MB",
  max_wal_size: "256MB",
  fsync: "on",
  synchronous_commit: "on",
  io_method: "sync",
  jit: "off",
  // Keeps the texts of failed statements out of the log.
  log_min_error_statement: "panic",
};

export interface EmbeddedOptions {
  /** Contains the database (`postgres`), its password, its log and `lock`. */
  dataDir: string;
  /** Settings that override those of this module. Without `fsync`, a power cut may destroy the database. */
  settings?: Record<string, string>;
  log: Log;
}

/** A Postgres that belongs to this process. */
export interface Embedded {
  url: string;
  /** The process id of the running Postgres. It changes after a crash. */
  readonly pid: number;
  /** Stops Postgres in fast mode: open transactions are rolled back. */
  stop(): Promise<void>;
}

/**
 * Starts a real Postgres in the data directory, which is created if it is missing. Keeps it running at one address until
 * `stop` or the end of this process. Also uses the directory of an earlier server that was killed, and stops its Postgres if
 * that still runs. Throws an error of one line if another process uses the directory.
 */
export async function startEmbedded({ dataDir, log, settings = {} }: EmbeddedOptions): Promise<Embedded> {
  // Before anything is created.
  linkLibraries();
  const cluster = openDataDir(dataDir, () => unprivilegedUser(log));
  if (cluster.user) log.debug(cluster.user, "Postgres runs as this user, because it refuses to run as root");
  const unlock = lockDirectory(cluster.dataDir);
  try {
    await endPredecessor(cluster.directory, log);
    await initCluster(cluster, settings.fsync !== "off");
    return await supervise(cluster, { ...defaultSettings, ...settings }, log, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

// Over 60 lines: start, restart and stop share the present process and the state of the supervisor.
async function supervise(cluster: Cluster, settings: Record<string, string>, log: Log, unlock: () => void) {
  const address = await chooseAddress(cluster);
  const url = clusterUrl(cluster, address);
  const postgresLog = openPostgresLog(cluster.dataDir);
  const launch = () => spawnPostgres(cluster, address, settings, postgresLog);
  let postgres = launch();
  let stopping = false;
  let stopped: Promise<void> | undefined;
  let restarted = Promise.resolve();
  const endWithUs = () => postgres.kill("SIGINT");
  process.on("exit", endWithUs);

  async function start(): Promise<void> {
    const deadline = performance.now() + inUseTimeoutMs;
    while (true) {
      const failure = await ready(postgres, cluster, postgresLog);
      if (failure === undefined) break;
      // The child processes of a killed Postgres need a moment to end, and hold its memory until then.
      if (stopping || !/in use/.test(failure) || performance.now() > deadline) throw new Error(failure);
      await delay(inUseRetryMs);
      postgres = launch();
    }
    postgres.once("exit", (code, signal) => {
      if (stopping) return;
      log.warn({ code, signal }, "the embedded Postgres ended; starting it again");
      restarted = restart();
    });
  }

  async function restart(): Promise<void> {
    while (!stopping) {
      postgres = launch();
      try {
        return await start();
      } catch (error) {
        log.error({ error: String(error) }, "the embedded Postgres does not start; retrying");
        await delay(restartDelayMs);
      }
    }
  }

  async function stop(): Promise<void> {
    stopping = true;
    await restarted;
    await endPostgres(postgres.pid, log);
    process.off("exit", endWithUs);
    postgresLog.close();
    unlock();
  }

  try {
    await start();
  } catch (error) {
    process.off("exit", endWithUs);
    postgresLog.close();
    throw error;
  }
  log.debug(
    { command: operatorCommand(cluster, address) },
    "an operator reaches the embedded Postgres with psql",
  );
  return {
    url,
    get pid() {
      return postgres.pid ?? 0;
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function spawnPostgres(
  cluster: Cluster,
  address: Address,
  settings: Record<string, string>,
  log: PostgresLog,
): ChildProcess {
  const all = Object.entries({ ...settings, ...address.settings, port: String(address.port) });
  const sets = all.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const { file, args, options } = clusterCommand(cluster, "postgres", ["-D", cluster.directory, ...sets]);
  clearSocket(cluster);
  log.mark();
  // A separate session, so that Ctrl-C reaches only this process, which needs the database until it has drained.
  const child = spawn(file, args, { ...options, detached: true, stdio: ["ignore", log.fd, log.fd] });
  child.unref();
  return child;
}

/** Waits until Postgres accepts connections. If it ends instead, returns the reason. */
async function ready(
  postgres: ChildProcess,
  { directory }: Cluster,
  log: PostgresLog,
): Promise<string | undefined> {
  const deadline = performance.now() + readyTimeoutMs;
  let ended: string | undefined;
  const onExit = (code: number | null, signal: string | null) => {
    ended = `the embedded Postgres ended (${signal ?? code}) as it started: ${log.sinceMark()}`;
  };
  postgres.once("exit", onExit);
  postgres.on("error", (error) => {
    ended = error.message;
  });
  try {
    while (ended === undefined) {
      const { pid, status } = readPidFile(directory);
      if (pid !== undefined && pid === postgres.pid && status === "ready") return undefined;
      if (performance.now() > deadline) {
        postgres.kill("SIGQUIT");
        return `the embedded Postgres was not ready within ${readyTimeoutMs} ms: ${log.sinceMark()}`;
      }
      await delay(pollMs);
    }
    return ended;
  } finally {
    postgres.off("exit", onExit);
  }
}
