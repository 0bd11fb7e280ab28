import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";

/** Revokes the keys of an owner permanently, because the owner leaves the account or is deleted. Returns their ids. */
export async function revokeOwnedKeys(tx: Tx, accountId: string, ownerProfileId: string): Promise<string[]> {
  const now = sql<Date>`clock_timestamp()`;
  const revoked = await tx
    .updateTable("api_key")
    .set((eb) => ({ revoked_at: now, changed_at: now, version: eb("version", "+", 1) }))
    .where("account_id", "=", accountId)
    .where("owner_profile_id", "=", ownerProfileId)
    .where("revoked_at", "is", null)
    .returning("id")
    .execute();
  return revoked.map(({ id }) => id);
}
