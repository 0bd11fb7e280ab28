import type { Db, Tx } from "../../db/connect.ts";
import { endMembership } from "../profile/end-membership.ts";

/** The profile of an external identity in an account of which its user is no member. */
export interface Guest {
  account_id: string;
  profile_id: string;
  /** Set if the guest was removed. A removed guest stays removed. */
  removed_at: Date | null;
}

/** Returns the user of a live guest of an account. */
export async function findGuest(
  tx: Tx,
  accountId: string,
  profileId: string,
): Promise<{ user_id: string } | undefined> {
  return tx
    .selectFrom("guest")
    .innerJoin("identity", "identity.id", "guest.identity_id")
    .innerJoin("profile", "profile.id", "guest.profile_id")
    .select("identity.user_id")
    .where("guest.account_id", "=", accountId)
    .where("guest.profile_id", "=", profileId)
    .where("profile.removed_at", "is", null)
    .executeTakeFirst();
}

/** Returns all guest profiles that a user has or had, in one account or in all. */
export function guestsOf(db: Db, userId: string, accountId?: string): Promise<Guest[]> {
  const query = db
    .selectFrom("guest")
    .innerJoin("identity", "identity.id", "guest.identity_id")
    .innerJoin("profile", "profile.id", "guest.profile_id")
    .select(["guest.account_id", "guest.profile_id", "profile.removed_at"])
    .where("identity.user_id", "=", userId)
    .orderBy("guest.account_id");
  return (accountId === undefined ? query : query.where("guest.account_id", "=", accountId)).execute();
}

/** Deletes the guest profile of a user, removed or not, because the user becomes a member under another profile. */
export async function endGuest(tx: Tx, accountId: string, userId: string): Promise<void> {
  for (const guest of await guestsOf(tx, userId, accountId)) {
    if (guest.removed_at === null) await endMembership(tx, accountId, guest.profile_id);
    await deleteGuest(tx, accountId, guest.profile_id);
  }
}

/** Deletes the guest row of a profile. */
export async function deleteGuest(tx: Tx, accountId: string, profileId: string): Promise<void> {
  await tx
    .deleteFrom("guest")
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .execute();
}
