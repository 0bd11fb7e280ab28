import type { Tx } from "../../db/connect.ts";

/**
 * Returns a function that reads every account that a user belongs to, or ever belonged to. Whatever a session of the user has
 * made pending is in one of them. The profile of a person outlives the membership.
 */
export function accountsEverOf(userId: string): (tx: Tx) => Promise<readonly string[]> {
  return async (tx) => {
    const profiles = await tx
      .selectFrom("profile")
      .select("account_id")
      .distinct()
      .where("user_id", "=", userId)
      .execute();
    return profiles.map((profile) => profile.account_id);
  };
}
