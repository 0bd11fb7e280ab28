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

interface Waiting {
  start(): void;
  refuse(error: Error): void;
}

/** Creates a queue that is fair between callers. */
export function createWorkQueue({ atOnce, maxWaiting, overflow }: WorkQueueOptions): WorkQueue {
  // In the order of turns.
  const waiting = new Map<string, Waiting[]>();
  let size = 0;
  let running = 0;

  function next(): Waiting | undefined {
    for (const [caller, works] of waiting) {
      const work = works.shift();
      // The caller moves to the end of the order.
      waiting.delete(caller);
      if (works.length > 0) waiting.set(caller, works);
      if (work) return work;
    }
    return undefined;
  }

  function startWhatFits(): void {
    while (running < atOnce) {
      const work = next();
      if (!work) return;
      size -= 1;
      running += 1;
      work.start();
    }
  }

  function refuseTheGreediest(newcomer: string): void {
    let greediest = newcomer;
    let most = waiting.get(newcomer) ?? [];
    // If several callers have equally much, the new caller loses, because the others have waited longer.
    for (const [caller, works] of waiting)
      if (works.length > most.length) [greediest, most] = [caller, works];
    const lost = most.pop();
    if (most.length === 0) waiting.delete(greediest);
    size -= 1;
    lost?.refuse(overflow());
  }

  return {
    run(caller, work) {
      return new Promise((resolve, reject) => {
        async function runNow(): Promise<void> {
          try {
            resolve(await work());
          } catch (error) {
            reject(error);
          } finally {
            running -= 1;
            startWhatFits();
          }
        }
        const works = waiting.get(caller) ?? [];
        works.push({ start: () => void runNow(), refuse: reject });
        waiting.set(caller, works);
        size += 1;
        startWhatFits();
        if (size > maxWaiting) refuseTheGreediest(caller);
      });
    },
    hasRoom(caller) {
      if (running < atOnce || size < maxWaiting) return true;
      const more = (waiting.get(caller)?.length ?? 0) + 1;
      return [...waiting.values()].some((works) => works.length > more);
    },
  };
}
