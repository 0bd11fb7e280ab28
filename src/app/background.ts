/** Runs work that continues after the response of its call. */
export interface Background {
  /** Starts work. Its errors are reported. If 1,000 pieces of work are running, this one is dropped and that is reported. */
  run(work: () => Promise<void>): void;
  /** Waits until all started work has ended. */
  settle(): Promise<void>;
}

const maxUnderWay = 1_000;

/** Creates a runner of background work. `onError` gets the errors. */
export function createBackground(onError: (error: unknown) => void): Background {
  const underWay = new Set<Promise<void>>();
  return {
    run(work) {
      if (underWay.size >= maxUnderWay) {
        onError(new Error("too much background work: some was dropped"));
        return;
      }
      // Started in a separate turn of the event loop, so that the response time reveals nothing about the work.
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
