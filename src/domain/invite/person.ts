import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import type { Invite } from "./invite.ts";

/** The address of an invite, and whether the server mailed the token to it. */
type Invited = Pick<Invite, "email" | "mailed">;

/**
 * Returns the signed-in user who accepts an invite. It must be the user of the invited address, or a user without an
 * address, who then gets this one.
 */
export async function requireInvited(tx: Tx, userId: string, { email, mailed }: Invited) {
  // The acceptance has locked the user, so that an erased user cannot join.
  const user = await tx.selectFrom("user").selectAll().where("id", "=", userId).executeTakeFirstOrThrow();
  if (user.deleted_at) throw loginRequired();
  if (user.email === null) return takeEmail(tx, user, { email, mailed });
  if (user.email !== email) {
    throw new DomainError("LOGIN_REQUIRED", "sign in as the user of the invited e-mail address");
  }
  // The server mailed the token to this address, so the token proves it.
  if (mailed && !user.email_proven_at) {
    await tx
      .updateTable("user")
      .set({ email_proven_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", userId)
      .execute();
  }
  return { id: user.id, name: user.name, email };
}

// A user of an external issuer has no address yet. Like a new user, they get the invited address if no other user has
// it.
async function takeEmail(tx: Tx, user: { id: string; name: string }, { email, mailed }: Invited) {
  const taken = await tx.selectFrom("user").select("id").where("email", "=", email).executeTakeFirst();
  if (taken) throw loginRequired();
  await tx
    .updateTable("user")
    .set({ email, ...(mailed && { email_proven_at: sql<Date>`clock_timestamp()` }) })
    .where("id", "=", user.id)
    .execute();
  return { id: user.id, name: user.name, email };
}

/** Creates the user of an invite if its address has none. */
export async function insertInvited(
  tx: Tx,
  invite: Invited,
  newUser: { name: string; passwordHash: string } | undefined,
) {
  if (!newUser) throw loginRequired();
  const id = newId("user");
  const made = await tx
    .insertInto("user")
    .values({
      id,
      email: invite.email,
      name: newUser.name,
      password_hash: newUser.passwordHash,
      // Only a token that was mailed to the address proves it.
      ...(invite.mailed && { email_proven_at: sql<Date>`clock_timestamp()` }),
    })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .executeTakeFirst();
  if (made.numInsertedOrUpdatedRows === 0n) throw loginRequired();
  return { id, name: newUser.name, email: invite.email };
}

/** Returns the error for a caller who is not signed in while the address has a user. */
export function loginRequired(): DomainError {
  return new DomainError(
    "LOGIN_REQUIRED",
    "the invited e-mail address has a user: sign in, and accept again",
  );
}
