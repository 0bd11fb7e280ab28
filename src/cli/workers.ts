import cluster, { type Worker } from "node:cluster";
import { RateLimiterClusterMaster } from "rate-limiter-flexible";
import type { Log } from "../infra/log.ts";
import { nextSignal } from "./signals.ts";

/** What starting workers needs. */
export interface WorkersDeps {
  count: number;
  /** Variables that each worker gets in addition to the environment of this process. */
  env: Record<string, string>;
  log: Log;
  /** Called once, when all of them serve. */
  onReady(url: string): void;
}

// A worker that ends this soon after its start would probably do so again. The next start waits as long.
const soonMs = 1_000;

/**
 * Runs `count` processes of this program that share one port, until SIGTERM or SIGINT. Resolves when all have finished.
 * Replaces a worker that ends early. Fails if a worker ends before all of them serve, because a setting or the port is then
 * probably wrong. The worker has logged the reason.
 */
export async function runWorkers({ count, env, log, onReady }: WorkersDeps): Promise<void> {
  // Keeps one count of limited calls for all workers together.
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
      log.error({ worker: worker.process.pid, code, signal }, "a worker ended and is replaced");
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

/** In a worker: reports to the process that started it that the worker serves. */
export function reportReady(url: string): void {
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
