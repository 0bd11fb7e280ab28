import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { isUniqueViolation } from "../../db/errors.ts";
import type { Call, UserCaller } from "../access/principal.ts";
import { accountsEverOf } from "../access/user-accounts.ts";
import { DomainError } from "../kernel/error.ts";
import { mutateAsUser, mutateUnchecked } from "../kernel/mutation.ts";
import { userLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { inEveryAccount } from "../session/session.ts";
import { endOtps, mailOtp, type OtpDeps, requireOtp, useOtp } from "./otp.ts";
import type { Passwords } from "./password.ts";
import { requirePassword } from "./password-change.ts";

/**
 * Mails a token to the new address of the signed-in user. The address changes when the user presents the token. The
 * response does not reveal whether another user has the address.
 */
export async function changeEmail(
  db: Store,
  user: UserCaller,
  deps: OtpDeps & { passwords: Passwords },
  input: { email: string; password: string },
): Promise<void> {
  await requirePassword(db, user, deps.passwords, input.password);
  const email = normaliseEmail(input.email);
  const { userId, sessionId } = user;
  const otp = { userId, purpose: "prove_email", email, sessionId } as const;
  await mailOtp(deps, otp, (locks, run) => mutateAsUser(db, { by: user, locks }, run));
}

/** Gives a user the address that a mailed token proves. The token works once. */
export async function proveEmail(db: Store, call: Call, deps: OtpDeps, token: string): Promise<void> {
  const known = await requireOtp(db, deps, token, "prove_email");
  const locks = [userLock(known.userId, "no key update")];
  const locking = { by: call, locks, accountIds: accountsEverOf(known.userId) };
  await mutateUnchecked(db, "ProveEmail", locking, async (tx) => {
    const { userId, email } = await useOtp(tx, deps, token, "prove_email");
    // Tokens that were mailed to the old address must not work at the new one.
    const change = { resourceType: "user", resourceId: userId, after: { email: "changed" } };
    const [, , , events] = await together([
      endOtps(tx, userId),
      setEmail(tx, userId, email, deps.mailer.delivers),
      sql`
        update profile set email = ${email}
        from membership m
        where m.user_id = ${userId} and m.profile_id = profile.id`.execute(tx),
      inEveryAccount(tx, userId, change),
    ]);
    return { result: undefined, events };
  });
}

// If the mailer does not deliver mail, the token does not prove the address. The proof of another address does not
// carry over.
async function setEmail(tx: Tx, userId: string, email: string, proven: boolean): Promise<void> {
  const provenAt = proven
    ? sql<Date>`clock_timestamp()`
    : sql<Date | null>`case when email = ${email} then email_proven_at end`;
  try {
    await tx.updateTable("user").set({ email, email_proven_at: provenAt }).where("id", "=", userId).execute();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new DomainError("ALREADY_EXISTS", "another user has this e-mail address", { field: "email" });
  }
}
