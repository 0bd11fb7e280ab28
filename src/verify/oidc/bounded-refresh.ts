/** Runs refreshes one after the other, at a limited rate. */
export interface BoundedRefresh {
  /** Returns how many refreshes have begun, and how many have ended. */
  counts(): { begun: number; ended: number };
  /** Joins the refresh in progress or begins one. Returns undefined if none may begin now. */
  now(): Promise<void> | undefined;
  /** Resolves when a refresh ends: the one in progress, one that begins now, or the next that may begin. */
  soon(): Promise<void>;
}

/** How often a refresh may begin. */
export interface RefreshBudget {
  /** The number of refreshes that may begin one right after the other. */
  burst: number;
  /** After those, one refresh may begin per so many milliseconds. */
  refillMs: number;
  /** Returns the milliseconds of a monotonic clock. */
  clock(): number;
  /** Resolves after so many milliseconds. */
  pause(ms: number): Promise<void>;
}

/** Creates a bounded refresh. `run` must not throw. */
export function createBoundedRefresh(run: () => Promise<void>, budget: RefreshBudget): BoundedRefresh {
  const { burst, refillMs, clock, pause } = budget;
  let [begun, ended] = [0, 0];
  let left = burst;
  let refilledAt = clock();
  let inProgress: Promise<void> | undefined;
  let scheduled: Promise<void> | undefined;

  function spend(): boolean {
    const refills = Math.floor((clock() - refilledAt) / refillMs);
    left = Math.min(burst, left + refills);
    refilledAt += refills * refillMs;
    if (left === 0) return false;
    left -= 1;
    return true;
  }

  async function refresh(): Promise<void> {
    begun += 1;
    await run();
    ended += 1;
    inProgress = undefined;
  }

  function now(): Promise<void> | undefined {
    if (!inProgress && spend()) inProgress = refresh();
    return inProgress;
  }

  async function later(): Promise<void> {
    await pause(Math.max(0, refilledAt + refillMs - clock()));
    scheduled = undefined;
    await soon();
  }

  function soon(): Promise<void> {
    const begins = now();
    if (begins) return begins;
    scheduled ??= later();
    return scheduled;
  }

  return { counts: () => ({ begun, ended }), now, soon };
}
