import type { Db, Tx } from "../../db/connect.ts";
import { endMembership } from "../profile/end-membership.ts";

/** A profile under which an outside identity acts in an account that its user is no member of. */
export interface Guest {
  account_id: string;
  profile_id: string;
  /** Set: it stays out. */
  removed_at: Date | null;
}

/** The user behind a live guest of an account. */
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

/** Every guest that a user is or was, in one account or in all. */
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

/** Ends a user's time as a guest of an account: they become a member under another profile, removed before or not. */
export async function endGuest(tx: Tx, accountId: string, userId: string): Promise<void> {
  for (const guest of await guestsOf(tx, userId, accountId)) {
    if (guest.removed_at === null) await endMembership(tx, accountId, guest.profile_id);
    await forgetGuest(tx, accountId, guest.profile_id);
  }
}

/** Forgets that a profile is or was a guest's. */
export async function forgetGuest(tx: Tx, accountId: string, profileId: string): Promise<void> {
  await tx
    .deleteFrom("guest")
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .execute();
}
