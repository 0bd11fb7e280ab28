import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { connect } from "../../../src/db/connect.ts";
import { freePort } from "../../../src/db/embedded/address.ts";
import { clusterCommand, clusterUrl, initCluster } from "../../../src/db/embedded/cluster.ts";
import { type Cluster, openDataDir } from "../../../src/db/embedded/data-dir.ts";
import { unprivilegedUser } from "../../../src/db/embedded/postgres-user.ts";
import { readPidFile } from "../../../src/db/embedded/postmaster.ts";
import { migrate, migrationTimeoutMs } from "../../../src/db/migrate.ts";
import { makePlatform } from "../actors/platform.ts";
import { scratchDirectory } from "../server/scratch.ts";
import { quietLog } from "../server/server.ts";

/** A server of the pair. */
export interface PairServer {
  url: string;
  /** Runs one statement on a new connection. */
  query<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** Sends a signal to the server and to all its processes. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
}

/** Two Postgres servers in synchronous replication. */
export interface Pair extends AsyncDisposable {
  /** The primary. Each of its commits waits for the standby. */
  primary: PairServer;
  standby: PairServer;
  /** The token of the platform account's system key. */
  platformToken: string;
  /** Promotes the standby to a primary. The old primary does not learn of it and is an orphan afterwards. */
  promote(): Promise<void>;
}

const pollMs = 20;
const readyTimeoutMs = 30_000;
// The name under which the standby connects and for which the primary waits.
const standbyName = "second";
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "32MB",
  fsync: "off",
  io_method: "sync",
  jit: "off",
  autovacuum: "off",
  wal_receiver_status_interval: "1s",
  wal_retrieve_retry_interval: "100ms",
};

/**
 * Starts the pair, with a migrated database that has a platform account. `makeSite` creates a data directory as a server
 * leaves it after its first start. Without it, the pair runs `initdb` and the migrations.
 */
export async function startPair(makeSite?: (dataDir: string) => Promise<void>): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const root = scratchDirectory("pair");
  stack.defer(() => rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  const user = unprivilegedUser(quietLog);
  if (user) chownSync(root, user.uid, user.gid);
  const firstDirectory = join(root, "first");
  await makeSite?.(firstDirectory);
  const first = openDataDir(firstDirectory, () => user);
  const port = await freePort();
  if (!makeSite) await initCluster(first, false);
  const url = clusterUrl(first, { host: "127.0.0.1", port });
  const platformToken = makeSite
    ? readFileSync(join(firstDirectory, "platform-key"), "utf8").trim()
    : await fill(first, port, url);

  const second: Cluster = {
    ...first,
    dataDir: join(root, "second"),
    directory: join(root, "second", "postgres"),
  };
  mkdirSync(second.dataDir);
  execFileSync("cp", ["-a", first.directory, second.directory]);
  const { hostname, username, password } = new URL(url);
  const source = `host=${hostname} port=${port} user=${username} password=${password} application_name=${standbyName}`;
  appendFileSync(join(second.directory, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
  writeFileSync(join(second.directory, "standby.signal"), "");
  const secondPort = await freePort();
  const primary = await start(first, port, { synchronous_standby_names: standbyName });
  stack.defer(() => end(primary));
  const standby = await start(second, secondPort, {});
  stack.defer(() => end(standby));
  const secondUrl = new URL(url);
  secondUrl.port = String(secondPort);

  const pair = {
    platformToken,
    primary: serverAt(url, primary),
    standby: serverAt(secondUrl.href, standby),
    async promote() {
      await pair.standby.query("select pg_promote(true, 30)");
    },
  };
  await until(async () => {
    const rows = await pair.primary.query("select from pg_stat_replication where sync_state = 'sync'");
    return rows.length === 1;
  });
  const owned = stack.move();
  return { ...pair, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function fill(cluster: Cluster, port: number, url: string): Promise<string> {
  const filling = await start(cluster, port, {});
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
  try {
    await migrate(db);
    return await makePlatform(db);
  } finally {
    await db.destroy();
    await end(filling);
  }
}

function serverAt(url: string, postgres: ChildProcess): PairServer {
  return {
    url,
    async query(text, values) {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
      client.on("error", () => undefined);
      await client.connect();
      try {
        return (await client.query(text, values)).rows;
      } finally {
        void client.end();
      }
    },
    signal(signal) {
      const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(postgres.pid)], {
        encoding: "utf8",
      });
      const pids = [postgres.pid ?? 0, ...children.split(/\s+/).filter(Boolean).map(Number)];
      for (const pid of pids) tryKill(pid, signal);
    },
  };
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended.
  }
}

async function start(cluster: Cluster, port: number, more: Record<string, string>): Promise<ChildProcess> {
  const sets = Object.entries({ ...settings, ...more, port: String(port) });
  const { file, args, options } = clusterCommand(cluster, "postgres", [
    "-D",
    cluster.directory,
    ...sets.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  const log = openSync(join(cluster.dataDir, "postgres.log"), "a");
  const child = spawn(file, args, { ...options, stdio: ["ignore", log, log] });
  closeSync(log);
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`Postgres ended as it started: see ${cluster.dataDir}`);
    const { pid, status } = readPidFile(cluster.directory);
    return pid === child.pid && status === "ready";
  });
  return child;
}

/** Kills a server, even if it is stopped or waits for its standby. */
async function end(postgres: ChildProcess): Promise<void> {
  if (postgres.exitCode !== null || postgres.signalCode !== null) return;
  const ended = once(postgres, "exit");
  tryKill(postgres.pid ?? 0, "SIGCONT");
  postgres.kill("SIGINT");
  const timer = setTimeout(() => postgres.kill("SIGQUIT"), 3_000);
  await ended;
  clearTimeout(timer);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("the servers were not ready in time");
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
