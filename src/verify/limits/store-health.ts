/** Whether the shared store of rate limits answers. After a failure, no call waits for it until an attempt succeeded. */
export interface StoreHealth {
  isAway(): boolean;
  /** Runs work of calls. Fails at once while the store is away, and after the timeout at the latest. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  /** Returns whether the store is away and it is time for another attempt. */
  mayTryAgain(): boolean;
  /** Makes an attempt. If it succeeds, the store is back. */
  tryAgain(attempt: () => Promise<void>): Promise<void>;
}

const retryAfterMs = 500;

/** Creates the health of a store that is assumed to answer. */
export function createStoreHealth(
  onChange: (isAway: boolean, error: unknown) => void,
  timeoutMs: number,
): StoreHealth {
  let away = false;
  let failedAt = Number.NEGATIVE_INFINITY;

  function fail(error: unknown): void {
    failedAt = performance.now();
    if (!away) onChange(true, error);
    away = true;
  }

  return {
    isAway: () => away,
    async guard(work) {
      if (away) throw new Error("the store of rate limits is away");
      try {
        return await within(timeoutMs, work());
      } catch (error) {
        fail(error);
        throw error;
      }
    },
    mayTryAgain: () => away && performance.now() >= failedAt + retryAfterMs,
    async tryAgain(attempt) {
      try {
        await attempt();
      } catch (error) {
        fail(error);
        return;
      }
      away = false;
      onChange(false, undefined);
    },
  };
}

function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`the store of rate limits did not answer within ${milliseconds} ms`));
    const timer = setTimeout(late, milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
