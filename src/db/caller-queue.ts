/** Lets only so many pieces of work of one caller run at a time. The others wait in memory, in order, and hold nothing. */
export interface CallerQueue {
  run<T>(caller: string, work: () => Promise<T>): Promise<T>;
}

/** How much of one caller runs and waits at a time, and the error of what comes on top. */
export interface CallerQueueLimits {
  running: number;
  waiting: number;
  overflow(): unknown;
}

interface Line {
  running: number;
  waiting: (() => void)[];
}

/** Creates a queue. A caller of whom nothing runs costs no memory. */
export function createCallerQueue({ running, waiting, overflow }: CallerQueueLimits): CallerQueue {
  const lines = new Map<string, Line>();

  async function enter(line: Line): Promise<void> {
    if (line.running < running) {
      line.running += 1;
      return;
    }
    if (line.waiting.length >= waiting) throw overflow();
    // A caller that leaves gives its place to the next one.
    await new Promise<void>((resolve) => line.waiting.push(resolve));
  }

  function leave(caller: string, line: Line): void {
    const next = line.waiting.shift();
    if (next) next();
    else line.running -= 1;
    if (line.running === 0) lines.delete(caller);
  }

  return {
    async run(caller, work) {
      const line = lines.get(caller) ?? { running: 0, waiting: [] };
      lines.set(caller, line);
      await enter(line);
      try {
        return await work();
      } finally {
        leave(caller, line);
      }
    },
  };
}
