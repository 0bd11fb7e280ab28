import { createFairQueue } from "../domain/kernel/fair-queue.ts";

/** A bounded number of slots for calls, and a bounded queue of calls that wait for one. */
export interface Slots {
  /**
   * Resolves with true when the caller has a slot, which it must give back. Resolves with false if the queue is full or
   * the wait took too long. `client` takes turns with the other clients that wait.
   */
  take(client: string): Promise<boolean>;
  giveBack(): void;
  /** Refuses every call that waits, and every later one. */
  close(): void;
}

/** The bounds of slots. */
export interface SlotBounds {
  slots: number;
  waiting: number;
  /** The longest wait, in milliseconds. */
  patienceMs: number;
}

interface WaitingCall {
  dueAt: number;
  end(got: boolean): void;
}

const checkMs = 50;

/**
 * Creates free slots. The clients that wait take turns, and the calls of one client get slots in the order in which they came. If
 * the queue is full, the newest call of the client with the most calls is refused.
 */
export function createSlots({ slots, waiting, patienceMs }: SlotBounds): Slots {
  const queue = createFairQueue<WaitingCall>(waiting, () => undefined);
  let free = slots;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  // One timer for all, because a timer for each would take long to remove its call from a long queue.
  function expire(): void {
    const now = performance.now();
    for (const { end } of queue.takeFitting(({ dueAt }) => dueAt <= now)) end(false);
    timer = queue.size() > 0 ? setTimeout(expire, checkMs) : undefined;
  }

  function wait(client: string): Promise<boolean> {
    timer ??= setTimeout(expire, checkMs);
    return new Promise((end) => {
      const item = { dueAt: performance.now() + patienceMs - checkMs, end };
      queue.push({ caller: client, item, reject: () => end(false) });
    });
  }

  return {
    take(client) {
      if (closed) return Promise.resolve(false);
      if (free === 0) return wait(client);
      free -= 1;
      return Promise.resolve(true);
    },
    giveBack() {
      const [next] = queue.take(1);
      if (next) next.end(true);
      else free += 1;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      queue.rejectAll(undefined);
    },
  };
}
