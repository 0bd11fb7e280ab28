import { type Batch, rejectBatch, tooSlow } from "./lookup-batch.ts";
import type { LookupClass, Waiting } from "./lookup-class.ts";

const checkMs = 100;

/**
 * Returns a function that starts to watch for overdue look-ups, in the queues and in flight. The watch rejects each of
 * them, and stops when no look-up is left.
 */
export function createOverdueWatch(
  lookupClasses: readonly LookupClass[],
  inFlight: ReadonlySet<Batch>,
): () => void {
  let watching = false;

  function rejectOverdue(): void {
    const now = performance.now();
    const isOverdue = ({ dueAt }: Waiting) => dueAt <= now;
    for (const { queue } of lookupClasses) rejectBatch(queue.takeFitting(isOverdue), tooSlow());
    for (const batch of inFlight) rejectBatch(batch.filter(isOverdue), tooSlow());
    watching = inFlight.size > 0 || lookupClasses.some(({ queue }) => queue.size() > 0);
    if (watching) setTimeout(rejectOverdue, checkMs).unref();
  }

  return () => {
    if (!watching) setTimeout(rejectOverdue, checkMs).unref();
    watching = true;
  };
}
