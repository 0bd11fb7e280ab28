import type { Store } from "../db/connect.ts";

/** Returns when a change is effective everywhere. `changedAt` is the time of the change. */
export type EffectiveAt = (changedAt: Date) => Date;

/**
 * Creates the function for a resource that was read. It returns the latest possible time, because the server does not know
 * whether the call that made the change has returned.
 */
export function latestEffectiveAt(db: Store): EffectiveAt {
  return (changedAt) => new Date(changedAt.getTime() + db.changes.patienceMs());
}

/**
 * Creates the function for the response to a change. The response is sent when the change is effective, so it returns the
 * present time, but never a time before the change.
 */
export function effectiveNow(db: Store): EffectiveAt {
  const latest = latestEffectiveAt(db);
  return (changedAt) => {
    const now = Math.max(changedAt.getTime(), Date.now());
    return new Date(Math.min(now, latest(changedAt).getTime()));
  };
}
