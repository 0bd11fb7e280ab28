import { randomUUID } from "node:crypto";
import {
  type KeyCount,
  sumCounts,
  type TokenUse,
  type UnknownCount,
  type UsageBatch,
} from "../domain/kernel/usage-batch.ts";

// The rows of one statement. Encoding them blocks the event loop for about a millisecond.
const maxRows = 500;

/** Usage that was not written yet. */
export interface UnwrittenUsage {
  uses: Iterator<TokenUse>;
  counts: Iterator<KeyCount>;
  unknown: Iterator<UnknownCount>;
  sessions: Iterator<readonly [sessionId: string, usedAt: number]>;
}

/**
 * Splits usage into batches of a bounded size, each of them made when it is needed. Each one gets an id, so that writing it
 * again changes nothing.
 */
export function* batchesOf({
  uses,
  counts,
  unknown,
  sessions,
}: UnwrittenUsage): Generator<UsageBatch, undefined> {
  for (;;) {
    const batch = {
      id: randomUUID(),
      tokens: next(uses),
      counts: sumCounts(next(counts)),
      unknown: next(unknown),
      sessions: next(sessions).map(([sessionId, usedAt]) => ({ sessionId, usedAt })),
    };
    const { tokens, counts: numbers, unknown: others, sessions: used } = batch;
    if (tokens.length + numbers.length + others.length + used.length === 0) return undefined;
    yield batch;
  }
}

function next<T>(rows: Iterator<T>): T[] {
  const some: T[] = [];
  while (some.length < maxRows) {
    const { done, value } = rows.next();
    if (done) break;
    some.push(value);
  }
  return some;
}
