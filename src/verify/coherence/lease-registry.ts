import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";

// A row says that some instance may hold a lease so long; it is written again while that instance runs.
const refreshMs = 60_000;
const validMs = 5 * refreshMs;

/** Says before the first beat, and again while an instance runs, that its lease is longer than the ordinary one. */
export interface LongLease {
  /** Must have resolved before each beat: so that nobody waits for less than this lease. */
  declare(): Promise<void>;
}

/** Creates the declarations of an instance whose lease is `ms` long. The ordinary lease needs none. */
export function createLongLease(db: Db, ms: number, ordinaryMs: number, now: () => number): LongLease {
  let declaredAt = Number.NEGATIVE_INFINITY;
  return {
    async declare() {
      const sentAt = now();
      if (ms <= ordinaryMs || sentAt < declaredAt + refreshMs) return;
      await sql`
        insert into long_lease (ms, until)
        values (${ms}, clock_timestamp() + ${validMs} * interval '1 millisecond')
        on conflict (ms) do update set until = greatest(long_lease.until, excluded.until)`.execute(db);
      declaredAt = sentAt;
    },
  };
}

/** The longest lease, in milliseconds, that any instance may hold now or may have begun before now. */
export async function readLeaseRegistry(db: Db, ordinaryMs: number): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select coalesce(max(ms), 0) as ms from long_lease where until > clock_timestamp()`.execute(db);
  return Math.max(ordinaryMs, rows[0]?.ms ?? 0);
}
