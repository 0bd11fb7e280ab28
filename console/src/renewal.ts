import { createStore, type Store } from "./store.ts";

/** Calls that wait because the session has ended. */
export interface Renewal {
  /** True while the user must log in again. */
  needed: Store<boolean>;
  /** Waits for the next session. Rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
  /** Repeats the waiting calls with the new session. */
  renewed(): void;
}

/** Returns a renewal without waiting calls. */
export function createRenewal(): Renewal {
  const needed = createStore(false);
  let next = Promise.withResolvers<void>();
  return {
    needed,
    wait(signal) {
      needed.set(true);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void next.promise.then(resolve);
      return promise;
    },
    renewed() {
      needed.set(false);
      next.resolve();
      next = Promise.withResolvers<void>();
    },
  };
}
