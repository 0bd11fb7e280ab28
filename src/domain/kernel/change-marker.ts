import { sql } from "kysely";
import type { Change } from "../../db/changes.ts";
import type { Tx } from "../../db/connect.ts";

/** What a transaction has done, as far as its change marker depends on it. */
export interface Marked {
  /** Another call may just have made a part of what this call promises. */
  mayRepeat: boolean;
  /** The accounts whose guards the change waits for, besides those that it invalidates. */
  concerned: readonly string[] | "all";
}

/**
 * Sends the change marker behind all writes of the transaction, and returns whether it did. It does so if verification
 * reads a changed row, which the triggers record. It also does so if another caller may just have made a part of the
 * same change, because this call waits for that one too. Other instances apply the change at once, so its commit must survive
 * a crash.
 */
export async function sendMarker(
  tx: Tx,
  { changeMarker, concerns }: Pick<Change, "changeMarker" | "concerns">,
  { concerned, mayRepeat }: Marked,
): Promise<boolean> {
  const { rows } = await sql`
    select pg_notify('latchkey', ${concerns(concerned)}), pg_notify('latchkey', ${changeMarker}),
      case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end
    where current_setting('latchkey.invalidated', true) = 'yes' or ${mayRepeat}`.execute(tx);
  return rows.length > 0;
}
