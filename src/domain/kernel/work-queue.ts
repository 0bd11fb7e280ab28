/** Runs work a few at a time, and bounds what waits. */
export interface WorkQueue {
  /** Runs `work` when the caller has its turn. Callers take turns, however much each of them has waiting. */
  run<T>(caller: string, work: () => Promise<T>): Promise<T>;
  /** Whether the queue would take more work of this caller now. */
  hasRoom(caller: string): boolean;
}

/** What bounds a queue. */
export interface WorkQueueOptions {
  /** How much runs at once. */
  atOnce: number;
  /** How much may wait. Beyond that, the caller with the most waiting loses its newest work. */
  maxWaiting: number;
  /** Makes the error of lost work. */
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
      // Back to the end of the line.
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
    // Of callers with equally much, the newcomer loses: the others waited longer.
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
