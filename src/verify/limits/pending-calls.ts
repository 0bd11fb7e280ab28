/** The calls of this instance for which the shared store has not answered yet. */
export interface PendingCalls {
  /** Runs a call. It is pending until its result is known. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Resolves when no call is pending. */
  none(): Promise<void>;
}

/** Creates the count of pending calls. It begins at zero. */
export function createPendingCalls(): PendingCalls {
  let pending = 0;
  let waiting: (() => void)[] = [];
  return {
    async run(call) {
      pending += 1;
      try {
        return await call();
      } finally {
        pending -= 1;
        if (pending === 0) {
          for (const resolve of waiting) resolve();
          waiting = [];
        }
      }
    },
    none: () => new Promise((resolve) => (pending === 0 ? resolve() : void waiting.push(resolve))),
  };
}
