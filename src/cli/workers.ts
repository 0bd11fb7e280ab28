import cluster, { type Worker } from "node:cluster";
import { RateLimiterClusterMaster } from "rate-limiter-flexible";
import type { Log } from "../infra/log.ts";
import { nextSignal } from "./signals.ts";

/** What starting workers needs. */
export interface WorkersDeps {
  count: number;
  /** What each worker has in its environment besides our own. */
  env: Record<string, string>;
  log: Log;
  /** Called once, when all of them serve. */
  onReady(url: string): void;
}

// A worker that ends so soon after its start would end so again: another is started only after as long.
const soonMs = 1_000;

/**
 * Runs so many processes of this program that share one port, each an instance of its own, until SIGTERM or SIGINT; then
 * resolves when they have finished. One that ends before is replaced, save before all of them have served once: then
 * something is wrong with the settings or the port, which it has said itself.
 */
export async function runWorkers({ count, env, log, onReady }: WorkersDeps): Promise<void> {
  // Limits on guesses are kept here, for all of them.
  new RateLimiterClusterMaster();
  let stopping = false;
  let ready = 0;
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });

  function start(): void {
    const startedAt = performance.now();
    const worker = cluster.fork(env);
    worker.on("message", (message: unknown) => {
      if (!isReady(message)) return;
      ready += 1;
      log.info({ worker: worker.process.pid }, "a worker serves");
      if (ready === count) onReady(message.ready);
    });
    worker.once("exit", (code, signal) => {
      if (stopping) return;
      if (ready < count) fail(new Error("a worker could not start"));
      log.error({ worker: worker.process.pid, code, signal }, "a worker ended, and is replaced");
      setTimeout(again, performance.now() - startedAt < soonMs ? soonMs : 0);
    });
  }

  function again(): void {
    if (!stopping) start();
  }

  for (let started = 0; started < count; started++) start();
  try {
    await Promise.race([nextSignal(), failed]);
  } finally {
    stopping = true;
    await Promise.all(Object.values(cluster.workers ?? {}).map(stop));
  }
}

/** In a worker: tells the process that started it that it serves. */
export function tellReady(url: string): void {
  process.send?.({ ready: url });
}

function isReady(message: unknown): message is { ready: string } {
  return typeof message === "object" && message !== null && "ready" in message;
}

function stop(worker: Worker | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!worker || worker.isDead()) return resolve();
    worker.once("exit", () => resolve());
    worker.process.kill("SIGTERM");
  });
}
