import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";

// A row states that some instance may hold a lease of this length. The instance renews it while it runs.
const renewMs = 60_000;
const validMs = 5 * renewMs;

/** The entry of an instance in the lease registry, if its lease is longer than the ordinary one. */
export interface LeaseRegistration {
  /** Writes the entry if it is due. It must resolve before each heartbeat, so that no change waits for less than this lease. */
  renew(): Promise<void>;
}

/** Creates the registration of an instance whose lease is `ms` long. The ordinary lease needs no entry. */
export function createLeaseRegistration(
  db: Db,
  ms: number,
  ordinaryMs: number,
  now: () => number,
): LeaseRegistration {
  let renewedAt = Number.NEGATIVE_INFINITY;
  return {
    async renew() {
      const sentAt = now();
      if (ms <= ordinaryMs || sentAt < renewedAt + renewMs) return;
      await sql`
        insert into long_lease (ms, until)
        values (${ms}, clock_timestamp() + ${validMs} * interval '1 millisecond')
        on conflict (ms) do update set until = greatest(long_lease.until, excluded.until)`.execute(db);
      renewedAt = sentAt;
    },
  };
}

/** Returns the longest lease, in milliseconds, that any instance may hold now or may have begun before now. */
export async function readLeaseRegistry(db: Db, ordinaryMs: number): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select coalesce(max(ms), 0) as ms from long_lease where until > clock_timestamp()`.execute(db);
  return Math.max(ordinaryMs, rows[0]?.ms ?? 0);
}
