import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";

/** Fails if a user has too many memberships and guest profiles. Call it after the insert, under a lock of the user. */
export async function requireMembershipsWithin(tx: Tx, bounds: Bounds, userId: string): Promise<void> {
  const { rows } = await sql<{ total: number }>`
    select count(*)::int as total from (
      select account_id from membership where user_id = ${userId}
      union
      select g.account_id from guest g join identity i on i.id = g.identity_id where i.user_id = ${userId}
    ) as accounts`.execute(tx);
  requireWithin(bounds, "membershipsPerUser", rows[0]?.total ?? 0);
}
