import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Sample } from "./closed-loop.ts";
import type { JobAnswer } from "./jobs.ts";
import type { Job } from "./load.ts";

/** A core. Servers run on core 0, and everything else runs on core 1. */
export type Core = 0 | 1;

/** Whether the bench can bind processes to cores on this machine. */
export const pinned = availableParallelism() >= 2 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;

const readyMs = 60_000;
const endMs = 15_000;

/** A running server, and the match of its line about the ports on which it listens. */
export interface Server extends AsyncDisposable {
  pid: number;
  announced: RegExpExecArray;
}

/** A process that runs one job at a time. */
export interface Worker<J, R> extends AsyncDisposable {
  run(job: J): Promise<R>;
}

/** A load generator. */
export type Generator = Worker<Job, Sample>;

/** The core of a process (unset: all cores) and its niceness. A niceness above 0 gives other processes priority. */
export interface Placement {
  core?: Core;
  niceness?: number;
}

/** Binds this process, and every process that it starts later, to a core. */
export function pinSelf(core: Core): void {
  pinOther(process.pid, [core]);
}

/** Binds a process, and every process that it starts later, to some cores. */
export function pinOther(pid: number, cores: Core[]): void {
  if (pinned) spawnSync("taskset", ["-a", "-c", "-p", cores.join(","), String(pid)]);
}

/** Starts a server on core 0, or on all cores if `bound` is false. Waits for the line that it prints when it listens. */
export async function startServer(
  args: readonly string[],
  env: Record<string, string>,
  listening: RegExp,
  bound = true,
): Promise<Server> {
  const { file, argv } = place(bound ? { core: 0 } : {}, args);
  const child = spawn(file, argv, { env: cleanEnv(env), stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let failure = "";
  child.stderr.on("data", (chunk) => {
    failure = (failure + chunk).slice(-4_000);
  });
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const announced = listening.exec(out);
    if (announced && child.pid) {
      return { pid: child.pid, announced, [Symbol.asyncDispose]: () => end(child) };
    }
    await delay(20);
  }
  await end(child);
  throw new Error(`${args.join(" ")} did not start: ${failure}`);
}

/** Runs a program to its end. Returns its output. */
export function runToEnd(args: readonly string[], env: Record<string, string>): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: cleanEnv(env),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}`);
  return stdout.trim();
}

/** Starts `load.ts` as a separate process. */
export function startGenerator(core: Core): Generator {
  return startWorker<Job, Sample>(new URL("load.ts", import.meta.url), { core });
}

/** Starts a module that calls `serveJobs` as a separate process. */
export function startWorker<J extends object, R>(module: URL, placement: Placement = {}): Worker<J, R> {
  const { file, argv } = place(placement, []);
  const child = fork(module, {
    ...(file !== process.execPath && { execPath: file, execArgv: argv }),
    serialization: "advanced",
    env: cleanEnv({}),
  });
  return {
    async run(job) {
      const ended = new AbortController();
      const { signal } = ended;
      child.send(job);
      try {
        const [answer] = (await Promise.race([
          once(child, "message", { signal }),
          once(child, "exit", { signal }).then(() => [{ error: "the process ended" }]),
        ])) as [JobAnswer<R>];
        if ("error" in answer) throw new Error(answer.error);
        return answer.result;
      } finally {
        ended.abort();
      }
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

// Without a core, the process may use every core, although this process may be bound to one.
function place({ core, niceness = 0 }: Placement, args: readonly string[]): { file: string; argv: string[] } {
  const [file = process.execPath, ...argv] = [
    ...(niceness > 0 ? ["nice", "-n", String(niceness)] : []),
    ...(pinned ? ["taskset", "-c", String(core ?? "0,1")] : []),
    process.execPath,
    ...args,
  ];
  return { file, argv };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), endMs);
  await exited;
  clearTimeout(timer);
}

// Settings in the environment of the bench must not change the measured servers.
function cleanEnv(env: Record<string, string>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(LATCHKEY_|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(own), ...env };
}
