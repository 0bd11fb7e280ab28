import type { UsageBatch } from "../domain/kernel/usage-batch.ts";
import type { Evaluation } from "./evaluate/evaluate.ts";
import type { Verdict } from "./evaluate/verdict.ts";
import { createTokenRecords, maxTokens } from "./token-records.ts";
import { createUnknownTokens } from "./unknown-tokens.ts";
import { batchesOf } from "./usage-batches.ts";

/** The credential of an evaluation, as far as usage depends on it. */
export interface Used extends Pick<Evaluation, "tokenId" | "sessionId"> {
  /** The key of the token, if it is a token of a key. */
  keyId: string | undefined;
}

/**
 * Records the last use of tokens and sessions, and counts verifications. Nothing is written on the way: a background job writes
 * what is buffered, and retries a failed write without counting anything twice. A crash loses at most one interval.
 */
export interface Usage {
  /** Records that the bearer of a call to this service was accepted. */
  touch(used: Used): void;
  /** Counts one verification. `clientAddress` is the address that the caller named, or undefined. */
  count(used: Used, verdict: Verdict, clientAddress: string | undefined): void;
  /** Counts a token that no key has, for the account of the verifier. */
  countUnknown(accountId: string, clientAddress: string | undefined): void;
  /** Writes what is buffered. */
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. */
  close(): Promise<void>;
}

/** What usage depends on. */
export interface UsageDeps {
  /** Writes a batch. If it fails, the same batch is written again. */
  write(batch: UsageBatch): Promise<void>;
  intervalMs: number;
  /** Whether client addresses are recorded. */
  addresses: boolean;
  onError(error: unknown): void;
}

/** Returns the credential of an evaluation. */
export function usedOf({ tokenId, sessionId, basis }: Evaluation): Used {
  return { tokenId, sessionId, keyId: tokenId === undefined ? undefined : basis?.credential?.id };
}

/** Starts to record usage, and writes it every `intervalMs`. */
export function createUsage({ write, intervalMs, addresses, onError }: UsageDeps): Usage {
  const tokens = createTokenRecords(addresses);
  const unknown = createUnknownTokens(addresses);
  let sessions = new Map<string, number>();
  // The batch that is written next does not change until it is, because a failed write may have been committed.
  let unwritten: Iterator<UsageBatch, undefined> | undefined;
  let batch: UsageBatch | undefined;
  let writing: Promise<void> = Promise.resolve();

  function touch({ keyId, tokenId, sessionId }: Used): void {
    if (keyId !== undefined && tokenId !== undefined) tokens.touch(keyId, tokenId);
    else if (sessionId !== undefined) sessions.set(sessionId, Date.now());
  }

  async function writeAll(): Promise<void> {
    while (unwritten) {
      batch ??= unwritten.next().value;
      if (batch) await write(batch);
      else unwritten = undefined;
      batch = undefined;
    }
  }

  async function flushOnce(): Promise<void> {
    await writeAll();
    const { uses, counts, lost } = tokens.take();
    if (lost > 0) onError(new Error(`usage not recorded: ${lost} uses, because ${maxTokens} tokens wait`));
    unwritten = batchesOf({ uses, counts, unknown: unknown.take().values(), sessions: sessions.entries() });
    sessions = new Map();
    await writeAll();
  }

  function flush(): Promise<void> {
    writing = writing.catch(() => {}).then(flushOnce);
    return writing;
  }

  const timer = setInterval(() => flush().catch(onError), intervalMs);
  timer.unref();

  return {
    touch,
    count(used, verdict, clientAddress) {
      const { keyId, tokenId } = used;
      if (keyId !== undefined && tokenId !== undefined) tokens.count(keyId, tokenId, verdict, clientAddress);
      else if (verdict === "VALID") touch(used);
    },
    countUnknown: unknown.count,
    flush,
    async close() {
      clearInterval(timer);
      await flush().catch(onError);
    },
  };
}
