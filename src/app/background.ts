/** Work that goes on after its call was answered. */
export interface Background {
  /** Starts it. What it throws is reported; too much at once is refused. */
  run(work: () => Promise<void>): void;
  /** Waits for all that was started. */
  settle(): Promise<void>;
}

const maxUnderWay = 1_000;

/** Creates a place for such work. */
export function createBackground(onError: (error: unknown) => void): Background {
  const underWay = new Set<Promise<void>>();
  return {
    run(work) {
      if (underWay.size >= maxUnderWay) {
        onError(new Error("too much work in the background: some was dropped"));
        return;
      }
      // Begun in a turn of its own: what the answer takes tells nothing of it.
      const one = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch(onError)
        .finally(() => underWay.delete(one));
      underWay.add(one);
    },
    async settle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
