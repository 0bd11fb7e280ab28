import { Worker } from "node:worker_threads";
import { DomainError } from "../domain/kernel/error.ts";
import { createWorkQueue } from "../domain/kernel/work-queue.ts";
import type { Estimate } from "../domain/user/password-estimate.ts";
import type { Estimator } from "../domain/user/password-strength.ts";
import type { EstimateRequest } from "./password-worker.ts";

/** What an estimator depends on. */
export interface EstimatorDeps {
  /** Called when the thread fails or takes too long. The error says nothing about a password. */
  onFailure(error: Error): void;
  /** The program of the thread. */
  file?: URL;
  /** Time limit of one estimate in milliseconds. */
  timeoutMs?: number;
}

// The same extension as this file: .ts in the repository, .js once compiled.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const program = new URL(`./password-worker${extension}`, import.meta.url);
const defaultTimeoutMs = 5_000;
// The thread reads its dictionaries when it starts. That takes longer on a busy machine.
const maxStartMs = 30_000;
const maxWaiting = 100;
const maxMegabytes = 256;

/**
 * Creates an estimator that works in its own thread, one password at a time. The thread starts with the first estimate. After
 * a failure, the next estimate starts it again. The thread does not keep the process alive.
 */
export function createEstimator({
  onFailure,
  file = program,
  timeoutMs = defaultTimeoutMs,
}: EstimatorDeps): Estimator & { close(): Promise<void> } {
  let thread: Worker | undefined;
  let hasAnswered = false;
  const queue = createWorkQueue({
    atOnce: 1,
    maxWaiting,
    overflow: () => unavailable("too many people are signing up"),
  });

  function runningThread(): Worker {
    if (thread) return thread;
    const started = startThread(file);
    started.on("error", (error) => end(started, `failed: ${error.name}`));
    started.on("exit", () => end(started, "ended"));
    thread = started;
    hasAnswered = false;
    return started;
  }

  function end(ended: Worker, how: string): void {
    if (thread !== ended) return;
    thread = undefined;
    void ended.terminate();
    onFailure(new Error(`the thread that estimates passwords ${how}`));
  }

  function send(request: EstimateRequest): Promise<Estimate> {
    const worker = runningThread();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => end(worker, "took too long"),
        hasAnswered ? timeoutMs : maxStartMs + timeoutMs,
      );
      worker.once("message", (estimate: Estimate) => {
        hasAnswered = true;
        clearTimeout(timer);
        worker.off("exit", fail);
        resolve(estimate);
      });
      worker.once("exit", fail);
      function fail(): void {
        clearTimeout(timer);
        reject(unavailable("this password could not be evaluated"));
      }
      worker.postMessage(request);
    });
  }

  return {
    estimate: (caller, password, personal) => queue.run(caller, () => send({ password, personal })),
    async close() {
      const ended = thread;
      thread = undefined;
      await ended?.terminate();
    },
  };
}

// The thread gets no environment and no options. A password that exhausts its memory ends only the thread.
function startThread(file: NonNullable<EstimatorDeps["file"]>): Worker {
  const thread = new Worker(file, {
    name: "passwords",
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxMegabytes },
  });
  thread.unref();
  return thread;
}

function unavailable(why: string): DomainError {
  return new DomainError("UNAVAILABLE", `${why}: try again in a moment`);
}
