/** A bounded number of slots for calls, and a bounded queue of calls that wait for one. */
export interface Slots {
  /**
   * Resolves with true when the caller has a slot, which it must give back. Resolves with false if the queue is full or
   * the wait took too long.
   */
  take(): Promise<boolean>;
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

/** Creates free slots. Calls get them in the order in which they came. */
export function createSlots({ slots, waiting, patienceMs }: SlotBounds): Slots {
  let free = slots;
  let closed = false;
  const queue = new Set<(got: boolean) => void>();

  function wait(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (got: boolean) => {
        clearTimeout(timer);
        queue.delete(end);
        resolve(got);
      };
      const timer = setTimeout(end, patienceMs, false);
      queue.add(end);
    });
  }

  return {
    take() {
      if (closed) return Promise.resolve(false);
      if (free > 0) {
        free -= 1;
        return Promise.resolve(true);
      }
      return queue.size < waiting ? wait() : Promise.resolve(false);
    },
    giveBack() {
      const [next] = queue;
      if (next) next(true);
      else free += 1;
    },
    close() {
      closed = true;
      for (const end of [...queue]) end(false);
    },
  };
}
