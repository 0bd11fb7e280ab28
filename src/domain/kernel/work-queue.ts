import { createFairQueue } from "./fair-queue.ts";

/** Runs a limited amount of work at a time, and bounds the work that waits. */
export interface WorkQueue {
  /** Runs `work` when it is the caller's turn. Callers take turns, regardless of how much work each has waiting. */
  run<T>(caller: string, work: () => Promise<T>): Promise<T>;
  /** Returns whether the queue would accept more work of this caller now. */
  hasRoom(caller: string): boolean;
}

/** The limits of a queue. */
export interface WorkQueueOptions {
  /** How much work runs at once. */
  atOnce: number;
  /** How much work may wait. Beyond that, the queue drops the newest work of the caller with the most waiting. */
  maxWaiting: number;
  /** Returns the error of dropped work. */
  overflow(): Error;
}

/** Creates a queue that is fair between callers. */
export function createWorkQueue({ atOnce, maxWaiting, overflow }: WorkQueueOptions): WorkQueue {
  const waiting = createFairQueue<() => void>(maxWaiting, overflow);
  let running = 0;

  function startWaiting(): void {
    while (running < atOnce) {
      const [start] = waiting.take(1);
      if (!start) return;
      running += 1;
      start();
    }
  }

  return {
    run(caller, work) {
      return new Promise((resolve, reject) => {
        async function start(): Promise<void> {
          try {
            resolve(await work());
          } catch (error) {
            reject(error);
          } finally {
            running -= 1;
            startWaiting();
          }
        }
        if (running < atOnce && waiting.size() === 0) {
          running += 1;
          void start();
        } else waiting.push({ caller, item: () => void start(), reject });
      });
    },
    hasRoom: (caller) => running < atOnce || waiting.hasRoom(caller),
  };
}
