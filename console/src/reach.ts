import { createStore, type Store } from "./store.ts";

/** Whether the server can be reached. */
export interface Reach {
  away: Store<boolean>;
  /** Call it after a call without a response. Asks the server until it answers, and says so in `away`. */
  doubt(): void;
  /** Resolves when the server answers, at once if it is not away. Rejects when the signal aborts. */
  back(signal: AbortSignal): Promise<void>;
}

const firstMs = 500;
const longestMs = 15_000;
const probeMs = 5_000;

/** Returns the reach of a server that is asked with `probe`. The waits between two probes double, with full jitter. */
export function createReach(probe: (signal: AbortSignal) => Promise<boolean>): Reach {
  const away = createStore(false);
  let asking: Promise<void> | undefined;

  async function ask(): Promise<void> {
    for (let waitMs = firstMs; !(await answers(probe)); waitMs = Math.min(waitMs * 2, longestMs)) {
      away.set(true);
      await elapsed(waitMs * (0.5 + Math.random() / 2));
    }
    away.set(false);
  }
  function start(): Promise<void> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }
  return {
    away,
    doubt: () => void start(),
    back(signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void start().then(resolve);
      return promise;
    },
  };
}

async function answers(probe: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
  try {
    return await probe(AbortSignal.timeout(probeMs));
  } catch {
    return false;
  }
}

// A browser that is online again does not wait for the rest of the pause.
function elapsed(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  globalThis.addEventListener?.("online", () => resolve(), { once: true });
  return promise;
}
