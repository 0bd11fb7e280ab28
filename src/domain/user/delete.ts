import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { UserCaller } from "../access/principal.ts";
import { guestsOf } from "../external-identity/guest.ts";
import { requireWholeUser } from "../external-identity/user.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { mutateAsUser } from "../kernel/mutation.ts";
import { accountLock, ownershipLock, type RowLock, rowLock, userLock } from "../kernel/row-lock.ts";
import { endMembership } from "../profile/end-membership.ts";
import { ownersOf, refuseLastOwner } from "../profile/profile.ts";
import { endSessions, sessionLocks } from "../session/list.ts";
import type { Passwords } from "./password.ts";
import { requirePassword } from "./password-change.ts";

const erasedName = "former member";

/**
 * Erases the signed-in user: memberships, sessions, identities, name, address and password. Audit events keep the
 * profile ids. Fails if the user is the last owner of an account.
 */
export async function deleteUser(
  db: Store,
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
  // The lock of the user keeps other calls of the same user from starting a change meanwhile.
  const known = await membershipsOf(db, user.userId);
  const locks = [userLock(user.userId, "update"), ...(await locksOf(db, user.userId, known))];
  await mutateAsUser(db, { by: user, locks }, async (tx) => {
    await requireWholeUser(tx, user);
    const { email } = await tx
      .selectFrom("user")
      .select("email")
      .where("id", "=", user.userId)
      .executeTakeFirstOrThrow();
    const sessions = await endSessions(tx, user.userId);
    const guests = await guestsOf(tx, user.userId);
    const memberships = await membershipsOf(tx, user.userId);
    refuseUnlocked(known, memberships);
    const accountIds = memberships.map((membership) => membership.account_id);
    const owners = await ownersOf(tx, accountIds);
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

function membershipsOf(db: Db, userId: string) {
  return db
    .selectFrom("membership")
    .innerJoin("role", "role.id", "membership.role_id")
    .select(["membership.account_id", "membership.profile_id", "role.builtin"])
    .where("membership.user_id", "=", userId)
    .orderBy("membership.account_id")
    .execute();
}

type Memberships = Awaited<ReturnType<typeof membershipsOf>>;

async function locksOf(db: Db, userId: string, memberships: Memberships): Promise<RowLock[]> {
  const places = [...memberships, ...(await guestsOf(db, userId))];
  return [
    ...(await sessionLocks(db, userId)),
    ...places.flatMap(({ account_id: accountId, profile_id: profileId }) => [
      accountLock(accountId, "key share"),
      ownershipLock(accountId),
      rowLock("membership", accountId, profileId, "update"),
      rowLock("guest", accountId, profileId, "update"),
    ]),
  ];
}

// Fails with `CONFLICT` if the user has just joined another account, which is not locked.
function refuseUnlocked(known: Memberships, memberships: Memberships): void {
  const isKnown = (one: Memberships[number]) => known.some((other) => other.profile_id === one.profile_id);
  if (!memberships.every(isKnown)) {
    throw new DomainError("CONFLICT", "you are joining an account right now: try again");
  }
}

async function erase(tx: Tx, userId: string, email: string | null): Promise<void> {
  await tx.deleteFrom("otp").where("user_id", "=", userId).execute();
  await tx.deleteFrom("identity").where("user_id", "=", userId).execute();
  await tx
    .updateTable("user")
    .set({ name: erasedName, email: null, password_hash: null, deleted_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", userId)
    .execute();
  // This includes profiles in accounts that the user had left.
  const profiles = await tx
    .updateTable("profile")
    .set({ name: erasedName, email: "" })
    .where("user_id", "=", userId)
    .returning("id")
    .execute();
  // Pending invites stay with the people who made them, because the user has not accepted them.
  await sql`
    update invite set email = ''
    where accepted_by = any (${profiles.map((profile) => profile.id)})
      or email = ${email} and (revoked_at is not null or expires_at <= clock_timestamp())`.execute(tx);
}
