import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import type { User } from "../../../src/db/embedded/postgres-user.ts";
import { birthOf, isPostgresOn } from "../../../src/db/embedded/process.ts";
import { copyCluster } from "./data-directory.ts";
import type { Order, Report } from "./embedded-server.ts";
import { scratchDirectory } from "./scratch.ts";
import { withServer } from "./server.ts";

/** A server process with its embedded Postgres. */
export interface EmbeddedProcess {
  process: ChildProcess;
  url: string;
  /** The process id of the Postgres that it started. */
  postgres: number;
  /** The command by which an operator connects, as the server logs it. */
  operatorCommand: string;
  order(order: Order): Promise<void>;
  kill(): Promise<void>;
}

/** A temporary data directory, and servers on it that run as one user. */
export interface Ground {
  dataDir: string;
  /** Starts a server without waiting for it. The first one runs `initdb`. */
  launch(): ChildProcess;
  /** Starts a server. The first one uses a directory where `initdb` has run. */
  start(): Promise<EmbeddedProcess>;
  /** Starts a server that must fail, and returns its error. */
  refusal(): Promise<string>;
  /** Ends all processes and removes all files. */
  clear(): Promise<void>;
}

/**
 * Creates a place to start servers, as this user or the current one. `pathBytes` sets the length of the path of its
 * data directory.
 */
export function createGround(user?: User, pathBytes?: number): Ground {
  const root = scratchDirectory("embedded");
  if (user) chownSync(root, user.uid, user.gid);
  // The parent directory has mode 0700, like a checkout in a home directory.
  const dataDir = join(root, "data".padEnd((pathBytes ?? 0) - root.length - 1, "x"));
  const children: ChildProcess[] = [];

  function launch(): ChildProcess {
    const child = fork(inject("programs")["embedded-server"], [dataDir], {
      ...user,
      cwd: "/",
      env: { ...process.env, NODE_COMPILE_CACHE: inject("compileCache") },
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    children.push(child);
    return child;
  }

  async function start(): Promise<EmbeddedProcess> {
    if (!existsSync(dataDir)) copyCluster(dataDir, user);
    const child = launch();
    const report = await reportOf(child);
    if ("error" in report) throw new Error(report.error);
    async function order(what: Order): Promise<void> {
      child.send(what);
      await once(child, "exit");
    }
    const { url, pid: postgres, operatorCommand } = report;
    return { process: child, url, postgres, operatorCommand, order, kill: () => killChild(child) };
  }

  async function refusal(): Promise<string> {
    const report = await reportOf(launch());
    if ("url" in report) throw new Error("the server started");
    return report.error;
  }

  async function clear(): Promise<void> {
    await Promise.all(children.map(killChild));
    const postgres = postmasterOf(dataDir);
    if (postgres !== undefined && isPostgresOn(postgres, join(dataDir, "postgres"))) {
      process.kill(postgres, "SIGQUIT");
      await gone(postgres);
    }
    rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  return { dataDir, launch, start, refusal, clear };
}

/** Returns the first report of a server: its address, or the error of its start. */
export async function reportOf(child: ChildProcess): Promise<Report> {
  // The exit may become known before the last message. The channel ends after it.
  const ended = once(child, "disconnect").then(() => [undefined]);
  const [report] = await Promise.race([once(child, "message"), ended]);
  return report ?? { error: `it ended (${child.signalCode ?? child.exitCode})` };
}

/** Returns the process that owns the database in a data directory, by its pid file. */
export function postmasterOf(dataDir: string): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
  } catch {
    return undefined;
  }
}

/** Resolves when a process has ended that is not a child of this one. */
export async function gone(pid: number): Promise<void> {
  while (birthOf(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Runs one statement on a database. */
export async function query(url: string, text: string): Promise<unknown[]> {
  return await withServer(url, async (client) => (await client.query(text)).rows);
}

async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
