import type { LimitAnswer, LimitCall } from "./store.ts";

/** Collects the calls of one turn of the event loop, so that they share one statement. Accounts take turns. */
export interface CallQueue {
  /** Runs a call. Fails if the store fails, or if too many calls wait: then the newest one of the account with the most. */
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
  // The calls that wait by account, in the order of turns. No line is empty.
  const lines = new Map<string, Waiting[]>();
  let size = 0;
  let statements = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || size === 0 || statements >= maxStatements) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const batch = takeBatch(lines, maxPairs);
      size -= batch.length;
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

  function rejectNewest(): void {
    const [first] = lines;
    if (!first) return;
    let [accountId, longest] = first;
    for (const [id, line] of lines) if (line.length > longest.length) [accountId, longest] = [id, line];
    longest.pop()?.reject(new Error("too many calls wait for the store of rate limits"));
    if (longest.length === 0) lines.delete(accountId);
    size -= 1;
  }

  return {
    run: (call) =>
      new Promise((resolve, reject) => {
        const accountId = call.rules[0]?.accountId ?? "";
        const line = lines.get(accountId) ?? [];
        lines.set(accountId, line);
        line.push({ call, resolve, reject });
        size += 1;
        if (size > maxWaiting) rejectNewest();
        schedule();
      }),
  };
}

// Takes one call of each account in turn. The first call is always in the batch: it has at most as many rules as a key and its
// account can have. An account that had its turn goes to the end.
function takeBatch(lines: Map<string, Waiting[]>, maxPairs: number): Waiting[] {
  const batch: Waiting[] = [];
  const taken = new Map<string, number>();
  let pairs = 0;
  for (const [accountId, line] of lines) {
    const place = taken.get(accountId) ?? 0;
    const next = line[place];
    if (!next) break;
    pairs += next.call.rules.length;
    if (batch.length > 0 && pairs > maxPairs) break;
    batch.push(next);
    taken.set(accountId, place + 1);
    lines.delete(accountId);
    if (place + 1 < line.length) lines.set(accountId, line);
  }
  for (const [accountId, count] of taken) lines.get(accountId)?.splice(0, count);
  return batch;
}
