import type { LimitAnswer, LimitCall } from "./store.ts";

/** Collects the calls of one turn of the event loop, so that they share one statement. */
export interface CallQueue {
  /** Runs a call. Fails if the store fails, or if too many calls wait. */
  run(call: LimitCall): Promise<LimitAnswer>;
}

/** How calls are collected. */
export interface CallQueueOptions {
  /** Pairs of a call and a rule in one statement. */
  maxPairs: number;
  /** Statements at a time. */
  maxStatements: number;
  maxWaiting: number;
}

interface Waiting {
  call: LimitCall;
  resolve(answer: LimitAnswer): void;
  reject(error: unknown): void;
}

/** Creates a queue in front of a store. */
export function createCallQueue(
  run: (calls: readonly LimitCall[]) => Promise<LimitAnswer[]>,
  { maxPairs, maxStatements, maxWaiting }: CallQueueOptions,
): CallQueue {
  let waiting: Waiting[] = [];
  let statements = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || waiting.length === 0 || statements >= maxStatements) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const { batch, rest } = split(waiting, maxPairs);
      waiting = rest;
      statements += 1;
      void send(batch).finally(() => {
        statements -= 1;
        schedule();
      });
      schedule();
    });
  }

  async function send(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await run(batch.map(({ call }) => call));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer) resolve(answer);
        else reject(new Error("the store of rate limits answered fewer calls than it got"));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    run: (call) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= maxWaiting) {
          reject(new Error("too many calls wait for the store of rate limits"));
          return;
        }
        waiting.push({ call, resolve, reject });
        schedule();
      }),
  };
}

// The first call is always in the batch. It has at most as many rules as a key and its account can have.
function split(waiting: Waiting[], maxPairs: number): { batch: Waiting[]; rest: Waiting[] } {
  let pairs = 0;
  const end = waiting.findIndex(({ call }, index) => {
    pairs += call.rules.length;
    return index > 0 && pairs > maxPairs;
  });
  return end === -1
    ? { batch: waiting, rest: [] }
    : { batch: waiting.slice(0, end), rest: waiting.slice(end) };
}
