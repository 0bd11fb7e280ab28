import { type Expression, type RawBuilder, sql } from "kysely";

/** How often credits are refilled: at the beginning of each day or month of UTC. */
export type Refill = "daily" | "monthly";

/** The credits of a key or of an account, as they are now. They include a refill that is due. Times are strings, because JSON carries them. */
export interface Credits {
  remaining: number;
  /** The credits that were set, and added since. */
  granted: number;
  refill_amount: number | null;
  refill: Refill | null;
  next_refill_at: string | null;
}

/** Selects the credits that have an id, or null if there are none. Their number is then not limited. */
export function creditsColumn(id: Expression<string>): RawBuilder<Credits | null> {
  return sql<Credits | null>`(
    select json_build_object(
      'remaining', now.remaining, 'granted', c.granted, 'refill_amount', c.refill_amount,
      'refill', c.refill_interval, 'next_refill_at', now.refill_at
    )
    from credit c cross join lateral latchkey_credit_at(c, clock_timestamp()) as now
    where c.id = ${id}
  )`;
}
