import { randomUUID } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { UsageItem } from "../../gen/latchkey/v1/usage_pb.ts";
import { UsageService } from "../../gen/latchkey/v1/usage_service_pb.ts";
import type { Connection } from "./transport.ts";
import { takeUsage, type UsageCounter } from "./usage-counter.ts";

/** Reports usage in batches. */
export interface UsageReporter {
  /** Counts a verification at this time of the database. */
  record(counter: UsageCounter, databaseTime: number, clientAddress: string | undefined): void;
  /** Changes the time between two reports. */
  setInterval(seconds: number): void;
  /** Sends all usage that the server has not confirmed yet. */
  flush(): Promise<void>;
  /** Sends the rest, and stops. */
  close(): Promise<void>;
}

/** A batch. The server counts it once, however often it is sent. */
interface Batch {
  /** When it was made (monotonic). */
  madeAt: number;
  batchId: string;
  items: UsageItem[];
}

const maxItemsPerBatch = 500;
// A server that does not answer for long must not fill the memory of the guard. The oldest batches are lost first.
const maxBatches = 200;
// The server recognises the repeat of a batch for an hour.
const maxBatchAgeMs = 3_000_000;
const defaultIntervalMs = 5_000;
// A timer with a longer time than 24 days would fire at once.
const maxIntervalMs = 3_600_000;
const reportTimeoutMs = 3_000;

/** Starts to report usage. */
export function startUsageReporter({ transport, headers }: Connection): UsageReporter {
  const client = createClient(UsageService, transport);
  const used: UsageCounter[] = [];
  let batches: Batch[] = [];
  let sending: Promise<void> | undefined;
  let intervalMs = defaultIntervalMs;
  let timer = schedule();

  function schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      timer = schedule();
      void flush();
    }, intervalMs).unref();
  }

  async function send(): Promise<void> {
    const taken = used.splice(0);
    for (let from = 0; from < taken.length; from += maxItemsPerBatch) {
      const items = taken.slice(from, from + maxItemsPerBatch).map(takeUsage);
      batches.push({ madeAt: performance.now(), batchId: randomUUID(), items });
      // Another part of the service gets its turn.
      await new Promise(setImmediate);
    }
    batches = worthSending(batches);
    for (const batch of [...batches]) {
      const { batchId, items } = batch;
      try {
        await client.reportUsage({ batchId, items }, { headers, timeoutMs: reportTimeoutMs });
      } catch (error) {
        // The next report sends the batch again, with the same id.
        if (mayRetry(error)) return;
      }
      batches = batches.filter((one) => one !== batch);
    }
  }

  async function flush(): Promise<void> {
    // Usage that is counted while a report is in flight belongs to the next report.
    await sending;
    sending ??= send().finally(() => {
      sending = undefined;
    });
    await sending;
  }

  return {
    record(counter, databaseTime, clientAddress) {
      if (counter.count === 0) used.push(counter);
      counter.count += 1;
      counter.lastUsedAt = databaseTime;
      if (clientAddress !== undefined) counter.clientAddress = clientAddress;
    },
    setInterval(seconds) {
      intervalMs = Math.min(maxIntervalMs, seconds * 1_000);
    },
    flush,
    async close() {
      clearTimeout(timer);
      await flush();
    },
  };
}

function worthSending(batches: readonly Batch[]): Batch[] {
  const oldest = performance.now() - maxBatchAgeMs;
  return batches.slice(-maxBatches).filter(({ madeAt }) => madeAt > oldest);
}

// A batch that the server cannot accept is lost, because a retry would fail too.
function mayRetry(error: unknown): boolean {
  const code = error instanceof ConnectError ? error.code : Code.Unavailable;
  return code !== Code.InvalidArgument && code !== Code.Unimplemented;
}
