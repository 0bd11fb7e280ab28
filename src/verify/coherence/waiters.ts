/** Callers that wait for an event, each for a limited time. */
export interface Waiters {
  /** Resolves at the next `wake`, or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void>;
  wake(): void;
}

/** Creates an empty set of waiters. */
export function createWaiters(): Waiters {
  const waiting = new Set<() => void>();
  return {
    wait(timeoutMs) {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    wake() {
      for (const resume of waiting) resume();
      waiting.clear();
    },
  };
}
