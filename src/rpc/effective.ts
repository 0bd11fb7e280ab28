import type { Store } from "../db/connect.ts";

/** Tells by when a change holds everywhere, from when it was made. */
export type HoldsBy = (changedAt: Date) => Date;

/** For what is read: at the latest. Whether the call that made the change has returned is not known. */
export function holdsAtTheLatest(db: Store): HoldsBy {
  return (changedAt) => new Date(changedAt.getTime() + db.changes.patienceMs());
}

/** For the answer to a change, which is given when it holds: now, and never before it was made. */
export function holdsNow(db: Store): HoldsBy {
  const latest = holdsAtTheLatest(db);
  return (changedAt) => {
    const now = Math.max(changedAt.getTime(), Date.now());
    return new Date(Math.min(now, latest(changedAt).getTime()));
  };
}
