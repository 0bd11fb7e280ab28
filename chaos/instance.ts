import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type FaultyProxy, startProxy } from "../test/support/database/proxy.ts";

/** A response to a call: its HTTP status and its body. */
export interface CallResponse {
  status: number;
  text: string;
}

/** A real server in its own process. Its connections to the database go through proxies that can fail. */
export interface Instance extends AsyncDisposable {
  /** The proxy of the change feed. */
  feed: FaultyProxy;
  /** The proxy of all other connections. */
  pool: FaultyProxy;
  /** Starts the process again after it has ended. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended. */
  exited(): Promise<unknown>;
  /** Calls a method with JSON. Rejects if no response arrives within `timeoutMs`. */
  call(method: string, body: object, timeoutMs: number): Promise<CallResponse>;
}

const root = join(import.meta.dirname, "..");
const maxStarts = 20;
const restartMs = 500;

/** The arguments of node that start the server as in production. */
export function productionServer(): string[] {
  return [join(root, "src", "main.ts"), "serve"];
}

/** The arguments of node that start the server with one broken part of the coherence protocol. */
export function brokenServer(breakage: string): string[] {
  return [join(root, "chaos", "broken-server.ts"), breakage];
}

/** Starts an instance. `server` is the arguments of node. Calls carry the token `bearer`. */
export async function startInstance(
  server: readonly string[],
  databaseUrl: string,
  bearer: string,
): Promise<Instance> {
  const [feed, pool] = [await startProxy(databaseUrl), await startProxy(databaseUrl)];
  let child: ChildProcess | undefined;
  let port = 0;
  let agent = new Agent({ keepAlive: true });

  // A fault may have stopped the database. A server that does not reach it ends, so it is started again.
  async function start(): Promise<void> {
    for (let starts = 1; ; starts++) {
      try {
        child = spawnServer(server, pool.url, feed.url);
        port = await listeningPort(child);
        agent.destroy();
        agent = new Agent({ keepAlive: true });
        return;
      } catch (error) {
        if (starts === maxStarts) throw error;
        await wait(restartMs);
      }
    }
  }

  async function end(): Promise<void> {
    const exited = isRunning(child) && once(child, "exit");
    child?.kill("SIGKILL");
    await exited;
    agent.destroy();
    await Promise.all([feed.close(), pool.close()]);
  }

  await start();
  return {
    feed,
    pool,
    start,
    call: (method, body, timeoutMs) => call({ agent, port, bearer, method, timeoutMs }, body),
    signal: (signal) => void child?.kill(signal),
    exited: async () => isRunning(child) && once(child, "exit"),
    [Symbol.asyncDispose]: end,
  };
}

function spawnServer(server: readonly string[], databaseUrl: string, listenUrl: string): ChildProcess {
  return spawn(process.execPath, server, {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      LATCHKEY_PORT: "0",
      LATCHKEY_DATABASE_URL: databaseUrl,
      LATCHKEY_DATABASE_LISTEN_URL: listenUrl,
      LATCHKEY_LOG_LEVEL: "fatal",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

type CallOptions = { agent: Agent; port: number; bearer: string; method: string; timeoutMs: number };

function call({ agent, port, bearer, method, timeoutMs }: CallOptions, body: object): Promise<CallResponse> {
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
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text })).on("error", reject);
      },
    );
    sent.on("error", reject).end(JSON.stringify(body));
  });
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

async function listeningPort(child: ChildProcess): Promise<number> {
  let out = "";
  for await (const part of outputOf(child)) {
    out += part;
    const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(out) ?? [];
    if (port !== undefined) {
      child.stdout?.resume();
      return Number(port);
    }
  }
  throw new Error("the server of an instance ended before it listened");
}

async function* outputOf(child: ChildProcess): AsyncGenerator<string> {
  const { stdout } = child;
  if (!stdout) return;
  while (isRunning(child)) {
    const next = await Promise.race([once(stdout, "data"), once(child, "exit")]);
    if (!isRunning(child)) return;
    yield String(next[0]);
  }
}
