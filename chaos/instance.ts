import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type FaultyProxy, startProxy } from "../test/support/database/proxy.ts";

/** A real server in a process of its own, whose ways to the database can fail. */
export interface Instance extends AsyncDisposable {
  /** Its change feed, and what its pools use. */
  feed: FaultyProxy;
  pool: FaultyProxy;
  /** Starts it anew after its end. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process is gone. */
  gone(): Promise<unknown>;
  /** Calls a method with JSON, and returns the status and the text of the answer. Rejects where there is none in time. */
  call(method: string, body: object, timeoutMs: number): Promise<{ status: number; text: string }>;
}

const startTries = 20;
const startAgainMs = 500;

/** Starts an instance from the sources in `root`, which calls are made to as `bearer`. */
export async function startInstance(root: string, databaseUrl: string, bearer: string): Promise<Instance> {
  const [feed, pool] = [await startProxy(databaseUrl), await startProxy(databaseUrl)];
  let child: ChildProcess | undefined;
  let port = 0;
  let agent = new Agent({ keepAlive: true });

  // The database may just be what is broken: a server that finds none ends, and whoever runs it starts it again.
  async function start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await startOnce();
        return;
      } catch (error) {
        if (tries === startTries) throw error;
        await wait(startAgainMs);
      }
    }
  }

  async function startOnce(): Promise<void> {
    child = spawn(process.execPath, [join(root, "src", "main.ts"), "serve"], {
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        LATCHKEY_PORT: "0",
        LATCHKEY_DATABASE_URL: pool.url,
        LATCHKEY_DATABASE_LISTEN_URL: feed.url,
        LATCHKEY_LOG_LEVEL: "fatal",
      },
      stdio: ["ignore", "pipe", "ignore"],
    });
    port = await listening(child);
    agent.destroy();
    agent = new Agent({ keepAlive: true });
  }

  function call(method: string, body: object, timeoutMs: number): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          port,
          host: "127.0.0.1",
          method: "POST",
          path: `/latchkey.v1.${method}`,
          headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
          signal: AbortSignal.timeout(timeoutMs),
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part: string) => (text += part));
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text })).on("error", reject);
        },
      );
      sent.on("error", reject).end(JSON.stringify(body));
    });
  }

  async function end(): Promise<void> {
    const gone = isRunning(child) && once(child, "exit");
    child?.kill("SIGKILL");
    await gone;
    agent.destroy();
    await Promise.all([feed.close(), pool.close()]);
  }

  await start();
  return {
    feed,
    pool,
    start,
    call,
    signal: (signal) => void child?.kill(signal),
    gone: async () => isRunning(child) && once(child, "exit"),
    [Symbol.asyncDispose]: end,
  };
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

async function listening(child: ChildProcess): Promise<number> {
  let out = "";
  for await (const [part] of onEvery(child)) {
    out += part;
    const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(out) ?? [];
    if (port !== undefined) {
      child.stdout?.resume();
      return Number(port);
    }
  }
  throw new Error("an instance ended before it listened");
}

async function* onEvery(child: ChildProcess): AsyncGenerator<[string]> {
  const { stdout } = child;
  if (!stdout) return;
  while (isRunning(child)) {
    const next = await Promise.race([once(stdout, "data"), once(child, "exit")]);
    if (!isRunning(child)) return;
    yield [String(next[0])];
  }
}
