/** Refreshes something, one refresh after the other and only so often. */
export interface BoundedRefresh {
  /** How many refreshes have begun, and how many have ended. */
  counts(): { begun: number; ended: number };
  /** Joins the refresh under way or begins one. Undefined where none may begin now. */
  now(): Promise<void> | undefined;
  /** Resolves when a refresh ends: the one under way, one that begins now, or the next that may begin. */
  soon(): Promise<void>;
}

/** How often a refresh may begin. */
export interface RefreshBudget {
  /** So many in a row. */
  burst: number;
  /** And then one each time that so many milliseconds have passed. */
  refillMs: number;
  /** Milliseconds of a monotonic clock. */
  clock(): number;
  /** Resolves after so many milliseconds. */
  pause(ms: number): Promise<void>;
}

/** Creates such a bound. `run` does not throw. */
export function createBoundedRefresh(run: () => Promise<void>, budget: RefreshBudget): BoundedRefresh {
  const { burst, refillMs, clock, pause } = budget;
  let [begun, ended] = [0, 0];
  let left = burst;
  let refilledAt = clock();
  let underWay: Promise<void> | undefined;
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
    underWay = undefined;
  }

  function now(): Promise<void> | undefined {
    if (!underWay && spend()) underWay = refresh();
    return underWay;
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
