import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** A response to a call: its HTTP status and its body. */
export interface CallResponse {
  status: number;
  text: string;
}

/** A process that answers HTTP requests on a port of loopback. */
export interface Child {
  /** Returns the port on which the process listened last. */
  port(): number;
  /** Starts the process again after it has ended. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended. */
  exited(): Promise<unknown>;
  /** Calls a method with JSON. Rejects if no response arrives within `timeoutMs`. */
  call(method: string, body: object, timeoutMs: number): Promise<CallResponse>;
  /** Kills the process. */
  end(): Promise<void>;
}

const maxStarts = 20;
const restartMs = 500;

/** Starts a process of node. `env` gets the port on which the process listened before, or 0. */
export async function startChild(
  args: readonly string[],
  bearer: string,
  env: (port: number) => Record<string, string>,
): Promise<Child> {
  let child: ChildProcess | undefined;
  let port = 0;
  let agent = new Agent({ keepAlive: true });

  // A fault may have stopped what the process needs. It then ends, so it is started again.
  async function start(): Promise<void> {
    for (let starts = 1; ; starts++) {
      try {
        child = spawn(process.execPath, args, {
          env: {
            PATH: process.env.PATH,
            NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
            ...env(port),
          },
          stdio: ["ignore", "pipe", "ignore"],
        });
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

  await start();
  return {
    port: () => port,
    start,
    call: (method, body, timeoutMs) => call({ agent, port, bearer, method, timeoutMs }, body),
    signal: (signal) => void child?.kill(signal),
    exited: async () => isRunning(child) && once(child, "exit"),
    async end() {
      const exited = isRunning(child) && once(child, "exit");
      child?.kill("SIGKILL");
      await exited;
      agent.destroy();
    },
  };
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
  throw new Error("a process ended before it listened");
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
