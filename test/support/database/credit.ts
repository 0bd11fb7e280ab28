import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

/** A record of credits, as a test stores it. */
export interface StoredCredits {
  id: string;
  accountId: string;
  remaining: number;
  /** The default is `remaining`. */
  granted?: number;
  refill?: { amount: number; interval: "daily" | "monthly" };
  /** The default is now. */
  refilledAt?: Date;
}

/** Stores a record of credits, or replaces it. */
export async function putCredits(db: Db, credits: StoredCredits): Promise<void> {
  const { id, accountId, remaining, granted = remaining, refill, refilledAt = new Date() } = credits;
  await sql`
    insert into credit (id, account_id, remaining, granted, refill_amount, refill_interval, refilled_at)
    values (${id}, ${accountId}, ${remaining}, ${granted}, ${refill?.amount ?? null}, ${refill?.interval ?? null}, ${refilledAt})
    on conflict (id) do update set remaining = excluded.remaining, granted = excluded.granted,
      refill_amount = excluded.refill_amount, refill_interval = excluded.refill_interval,
      refilled_at = excluded.refilled_at`.execute(db);
}

/** Returns what is stored of a record: what was left after the last draw. */
export async function creditsLeft(db: Db, id: string | undefined): Promise<number> {
  const { rows } = await sql<{ remaining: string }>`select remaining from credit where id = ${id}`.execute(
    db,
  );
  return Number(rows[0]?.remaining);
}
