import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { chownSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inject } from "vitest";
import type { User } from "../../../src/db/embedded/postgres-user.ts";
import { isPostgresOn } from "../../../src/db/embedded/process.ts";
import { copySite } from "./data-directory.ts";
import { gone, postmasterOf } from "./embedded-process.ts";
import type { Program } from "./programs.ts";
import { scratchDirectory } from "./scratch.ts";

type Env = Record<string, string>;

/** A line of a server's log. */
export type LogLine = Record<string, unknown> & { msg?: string; method?: string; code?: string };

/** The end of a process, and its output. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A running process. */
export interface Started {
  pid: number;
  stdout(): string;
  stderr(): string;
  /** Returns the lines of its log so far. */
  log(): LogLine[];
  /** Resolves with the first line of the log that matches, even if it was written before. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resolves when stderr contains this text. */
  said(text: string): Promise<unknown>;
  ended: Promise<Ended>;
  /** Closes the pipes of its output, as if the programs that read them had ended. */
  loseReaders(): void;
  /** Sends a signal, SIGTERM by default, and waits until the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
  /** Resolves with the address of a server, from its log line about it. */
  listening: Promise<string>;
}

/** The real server in its own process, after it began to listen. */
export interface Served extends Started {
  url: string;
}

/** A temporary data directory, and real `latchkey` processes on it. */
export interface Site {
  dataDir: string;
  /** Creates the data directory as an earlier server leaves it, unless it exists. */
  begin(): Promise<void>;
  /** Starts a server on any free port, and waits until it listens. */
  serve(env?: Env, program?: Program): Promise<Served>;
  /** Starts a process without waiting for it. */
  start(args: string[], env?: Env): Started;
  /** Runs a command to its end. */
  run(args: string[], env?: Env): Promise<Ended>;
  /** Returns the token in a key file of the data directory. */
  token(file: "platform-key" | "verifier-key"): string;
  /** Returns everything that the processes wrote, and the log of their Postgres. */
  written(): string;
  /** Ends all processes and removes all files. */
  clear(): Promise<void>;
}

/** The options of a site. */
export interface SiteOptions {
  /** The user that runs its processes. By default, it is the current user. */
  user?: User | undefined;
  /** Whether its first server starts with an empty directory. */
  empty?: boolean;
  /** The file that Node runs as `latchkey`. By default, a bundle of the sources of this checkout. */
  latchkey?: string;
  /** The program that runs it. By default, the Node of the tests. */
  node?: string;
}

/** Creates a site to run the real program. The settings in `base` apply to all its processes. */
export function createSite(
  base: Env = {},
  { user, empty = false, latchkey = inject("programs").latchkey, node = process.execPath }: SiteOptions = {},
): Site {
  const root = scratchDirectory("site");
  if (user) chownSync(root, user.uid, user.gid);
  // Real paths have characters that need quoting.
  const dataDir = join(root, "it's data");
  const started: Started[] = [];

  async function begin(): Promise<void> {
    if (!existsSync(dataDir)) await copySite(dataDir, user);
  }

  function start(args: string[], env: Env = {}, program: Program = "latchkey"): Started {
    const settings = { LATCHKEY_PORT: "0", LATCHKEY_DATA_DIR: dataDir, ...base, ...env };
    const file = program === "latchkey" ? latchkey : inject("programs")[program];
    const child = spawn(node, [file, ...args], {
      ...user,
      cwd: root,
      // The processes do not inherit the environment of the tests.
      env: { PATH: process.env.PATH, HOME: root, NODE_COMPILE_CACHE: inject("compileCache"), ...settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const one = follow(child);
    started.push(one);
    return one;
  }

  return {
    dataDir,
    begin,
    async serve(env, program) {
      if (!empty && base.LATCHKEY_DATABASE_URL === undefined) await begin();
      const one = start(["serve"], env, program);
      const url = await Promise.race([one.listening, one.ended.then((end) => fail(end))]);
      return { ...one, url };
    },
    start: (args, env) => start(args, env),
    run: (args, env) => start(args, env).ended,
    token: (file) => readFileSync(join(dataDir, file), "utf8").trim(),
    written() {
      const postgresLog = join(dataDir, "postgres.log");
      const logs = existsSync(postgresLog) ? [readFileSync(postgresLog, "utf8")] : [];
      return [...started.flatMap((one) => [one.stdout(), one.stderr()]), ...logs].join("\n");
    },
    async clear() {
      await Promise.all(started.map((one) => one.stop("SIGKILL")));
      const postgres = postmasterOf(dataDir);
      if (postgres !== undefined && isPostgresOn(postgres, join(dataDir, "postgres"))) {
        process.kill(postgres, "SIGQUIT");
        await gone(postgres);
      }
      rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

/** Returns the URL of the embedded Postgres that runs on a data directory. */
export function embeddedUrl(dataDir: string): string {
  const password = readFileSync(join(dataDir, "postgres-password"), "utf8").trim();
  // Line 4 is the port. Line 5 is the directory of the Unix socket, or empty if there is none.
  const [, , , port, socket] = readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n");
  const host = socket ? encodeURIComponent(socket) : "127.0.0.1";
  return `postgres://latchkey:${password}@${host}:${port}/postgres`;
}

/** Reads the output of a `latchkey` process. */
export function follow(child: ChildProcess): Started {
  const { stdout: out, stderr: err } = child;
  if (!out || !err) throw new Error("a process without its output");
  let [stdout, stderr] = ["", ""];
  const lines: LogLine[] = [];
  const news = new EventEmitter().setMaxListeners(0);
  out.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  err.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  createInterface({ input: err }).on("line", (text) => {
    if (text.startsWith("{")) lines.push(JSON.parse(text));
    news.emit("line");
  });
  async function until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await Promise.race([once(news, "line"), ended.then((end) => fail(end))]);
    }
  }
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: out }).on("line", (text) => {
      const [, url] = /^\S+ listening on (\S+)$/.exec(text) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  // The event "close" comes after all output has arrived. The event "exit" may come earlier.
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, stdout, stderr }));
  return {
    pid: child.pid ?? 0,
    listening,
    stdout: () => stdout,
    stderr: () => stderr,
    log: () => [...lines],
    logged: (fits) => until(() => lines.find(fits)),
    said: (text) => until(() => stderr.includes(text) || undefined),
    ended,
    loseReaders() {
      out.destroy();
      err.destroy();
    },
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

function fail({ code, signal, stderr }: Ended): never {
  throw new Error(`latchkey ended (${signal ?? code}): ${stderr}`);
}
