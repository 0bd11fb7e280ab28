import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import type { Invite } from "./invite.ts";

/** To which address an invite was made, and whether its token went there by mail. */
type Invited = Pick<Invite, "email" | "mailed">;

/** The signed-in user who accepts an invite: the one of its address, or one that has none yet and gets it. */
export async function requireInvited(tx: Tx, userId: string, { email, mailed }: Invited) {
  // Locked by the acceptance, so that nobody joins while they are erased.
  const user = await tx.selectFrom("user").selectAll().where("id", "=", userId).executeTakeFirstOrThrow();
  if (user.deleted_at) throw loginRequired();
  if (user.email === null) return takeEmail(tx, user, { email, mailed });
  if (user.email !== email) {
    throw new DomainError("LOGIN_REQUIRED", "sign in as the user of the invited e-mail address");
  }
  // The token came by mail to this very address.
  if (mailed && !user.email_proven_at) {
    await tx
      .updateTable("user")
      .set({ email_proven_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", userId)
      .execute();
  }
  return { id: user.id, name: user.name, email };
}

// Somebody of an outside issuer has no address yet: like a newcomer, they get the one that the invite was sent to, if
// nobody has it.
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

/** Makes the user of an invite, where its address has none. */
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
      // Proven only by a token that was mailed to it.
      ...(invite.mailed && { email_proven_at: sql<Date>`clock_timestamp()` }),
    })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .executeTakeFirst();
  if (made.numInsertedOrUpdatedRows === 0n) throw loginRequired();
  return { id, name: newUser.name, email: invite.email };
}

/** The refusal of whoever is not signed in, where the address has a user. */
export function loginRequired(): DomainError {
  return new DomainError(
    "LOGIN_REQUIRED",
    "the invited e-mail address has a user: sign in, and accept again",
  );
}
