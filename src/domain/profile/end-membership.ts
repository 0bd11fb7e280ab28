import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { revokeOwnedKeys } from "../api-key/revoke-owned.ts";
import type { Fields } from "../kernel/audit-event.ts";
import { together } from "../kernel/together.ts";

/**
 * Ends the membership of a person, or its guest profile, permanently. Revokes its developer keys and pending invites, and
 * deletes its grants and team memberships. What the person created stays. Returns the former values for the audit event.
 */
export async function endMembership(tx: Tx, accountId: string, profileId: string): Promise<Fields> {
  const now = sql<Date>`clock_timestamp()`;
  const endInvites = tx
    .updateTable("invite")
    .set({ revoked_at: now })
    .where("account_id", "=", accountId)
    .where("created_by", "=", profileId)
    .where("accepted_at", "is", null)
    .where("revoked_at", "is", null)
    .returning("id");
  const removeProfile = tx
    .updateTable("profile")
    .set({ removed_at: now })
    .where("account_id", "=", accountId)
    .where("id", "=", profileId);
  const [keys, invites] = await together([
    revokeOwnedKeys(tx, accountId, profileId),
    endInvites.execute(),
    excludeIdentities(tx, accountId, profileId),
    ...(["workspace_grant", "team_member", "membership"] as const).map((table) =>
      tx.deleteFrom(table).where("account_id", "=", accountId).where("profile_id", "=", profileId).execute(),
    ),
    removeProfile.execute(),
  ]);
  return { api_key_ids: keys, invite_ids: invites.map((invite) => invite.id) };
}

// An external identity stays removed until it is invited again, whatever its tokens claim.
async function excludeIdentities(tx: Tx, accountId: string, profileId: string): Promise<void> {
  await sql`
    insert into guest (account_id, identity_id, profile_id)
    select m.account_id, i.id, m.profile_id
    from membership m
    join identity i on i.user_id = m.user_id
    where m.account_id = ${accountId} and m.profile_id = ${profileId}
    on conflict (identity_id, account_id) do update set profile_id = excluded.profile_id`.execute(tx);
}
