import { sql } from "kysely";
import type { Db, Tx } from "../db/connect.ts";
import type { Actor, Change } from "./audit-event.ts";
import { guestsOf } from "./guest.ts";
import { endMembership } from "./membership-end.ts";
import { mutateAs } from "./mutation.ts";
import { requireWholeUser } from "./outside-user.ts";
import type { Passwords } from "./password.ts";
import { requirePassword } from "./password-change.ts";
import type { UserCaller } from "./principal.ts";
import { lockOwners, refuseLastOwner } from "./profile.ts";
import { endSessions } from "./session-list.ts";

const erasedName = "former member";

/**
 * Erases the signed-in user: memberships, sessions, identities, name, address and password. Events keep the profile ids.
 * The last owner of an account cannot go.
 */
export async function deleteUser(
  db: Db,
  user: UserCaller,
  passwords: Passwords,
  password: string,
): Promise<void> {
  const stored = await db
    .selectFrom("user")
    .select("password_hash")
    .where("id", "=", user.userId)
    .executeTakeFirstOrThrow();
  if (stored.password_hash !== null) await requirePassword(db, user, passwords, password);
  await requireWholeUser(db, user);
  await mutateAs(db, user.call, async (tx) => {
    // Locked, so that nothing is begun as this user in the meantime.
    const { email } = await tx
      .selectFrom("user")
      .select("email")
      .where("id", "=", user.userId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const sessions = await endSessions(tx, user.userId);
    const guests = await guestsOf(tx, user.userId);
    const owners = await lockOwners(tx, await accountsOf(tx, user.userId));
    const memberships = await tx
      .selectFrom("membership")
      .innerJoin("role", "role.id", "membership.role_id")
      .select(["membership.account_id", "membership.profile_id", "role.builtin"])
      .where("membership.user_id", "=", user.userId)
      .orderBy("membership.account_id")
      .forUpdate("membership")
      .execute();
    const events: (Change & Actor)[] = [];
    for (const { account_id: accountId, profile_id: profileId, builtin } of memberships) {
      if (builtin === "owner") refuseLastOwner(owners, accountId, profileId);
      const before = await endMembership(tx, accountId, profileId);
      events.push({ accountId, profileId, resourceType: "profile", resourceId: profileId, before });
    }
    for (const { account_id: accountId, profile_id: profileId, removed_at } of guests) {
      if (removed_at !== null) continue;
      const before = await endMembership(tx, accountId, profileId);
      events.push({ accountId, profileId, resourceType: "profile", resourceId: profileId, before });
    }
    await erase(tx, user.userId, email);
    return { result: undefined, events: [...sessions, ...events] };
  });
}

async function accountsOf(tx: Tx, userId: string): Promise<string[]> {
  const rows = await tx.selectFrom("membership").select("account_id").where("user_id", "=", userId).execute();
  return rows.map((row) => row.account_id);
}

async function erase(tx: Tx, userId: string, email: string | null): Promise<void> {
  await tx.deleteFrom("otp").where("user_id", "=", userId).execute();
  await tx.deleteFrom("identity").where("user_id", "=", userId).execute();
  await tx
    .updateTable("user")
    .set({ name: erasedName, email: null, password_hash: null, deleted_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", userId)
    .execute();
  // In the accounts that they had left, too.
  const profiles = await tx
    .updateTable("profile")
    .set({ name: erasedName, email: "" })
    .where("user_id", "=", userId)
    .returning("id")
    .execute();
  // Those that can still be accepted are not theirs yet: they stay with who made them.
  await sql`
    update invite set email = ''
    where accepted_by = any (${profiles.map((profile) => profile.id)})
      or email = ${email} and (revoked_at is not null or expires_at <= clock_timestamp())`.execute(tx);
}
