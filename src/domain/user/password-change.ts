import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Call, UserCaller } from "../access/principal.ts";
import { accountsEverOf } from "../access/user-accounts.ts";
import { DomainError } from "../kernel/error.ts";
import { mutateAsUser, mutateUnchecked } from "../kernel/mutation.ts";
import { userLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type MintingDeps, newSession, storeSession } from "../session/create.ts";
import { endSessions, sessionLocks } from "../session/list.ts";
import { endSession, inEveryAccount } from "../session/session.ts";
import { endOtps, mailOtp, type OtpDeps, requireOtp, useOtp } from "./otp.ts";
import type { Passwords } from "./password.ts";

// Another call may just have ended the sessions that a new password ends.
const endedAll = { mayRepeat: true } as const;

/** What a change of a password depends on. */
export interface PasswordChangeDeps extends MintingDeps {
  passwords: Passwords;
}

/**
 * Changes the password of the signed-in user. Ends all other sessions of the user and every token that was mailed to
 * them. With `renews`, a new session takes the place of the calling one, so that a stolen copy of its token ends too.
 * Returns the token of the new session, or an empty one.
 */
export async function changePassword(
  db: Store,
  user: UserCaller,
  deps: PasswordChangeDeps,
  input: { oldPassword: string; newPassword: string },
  renews: boolean,
): Promise<string> {
  const stored = await requirePassword(db, user, deps.passwords, input.oldPassword);
  const hash = await deps.passwords.make(user.call, {
    password: input.newPassword,
    field: "new_password",
    personal: [stored.name, stored.email ?? ""],
  });
  const locks = [userLock(user.userId, "no key update"), ...(await sessionLocks(db, user.userId))];
  return mutateAsUser(db, { by: user, locks }, async (tx) => {
    // A concurrent call knew the old password too. Only one of the two calls wins.
    const change = tx
      .updateTable("user")
      .set({ password_hash: hash })
      .where("id", "=", user.userId)
      .where("password_hash", "=", stored.password_hash);
    const [changed, ...events] = await together([
      change.executeTakeFirst(),
      passwordChanged(tx, user.userId),
      endSessions(tx, user.userId, user.sessionId),
    ]);
    if (changed.numUpdatedRows === 0n) throw wrongPassword();
    if (!renews || user.sessionId === undefined) return { ...endedAll, result: "", events: events.flat() };
    // What the session made pending stays, as after a log-out.
    const [ended, { token, begun }] = await together([
      endSession(tx, user.sessionId, user.userId),
      begin(tx, deps, user.userId),
    ]);
    return { ...endedAll, result: token, events: [...events.flat(), ...ended, ...begun] };
  });
}

// Begins a session. The caller has ended all other sessions before, because that would end this one too.
async function begin(tx: Tx, deps: MintingDeps, userId: string) {
  const session = newSession(deps, userId);
  const change = { resourceType: "session", resourceId: session.id, after: { session_id: session.id } };
  const [, begun] = await together([storeSession(tx, deps, session), inEveryAccount(tx, userId, change)]);
  return { token: session.token, begun };
}

/** Mails a single-use token if the address has a user. The response and its delay are the same for every address. */
export async function requestPasswordReset(
  db: Store,
  call: Call,
  deps: OtpDeps,
  email: string,
): Promise<void> {
  const address = normaliseEmail(email);
  const user = await db.selectFrom("user").select("id").where("email", "=", address).executeTakeFirst();
  if (!user) return;
  const otp = { userId: user.id, purpose: "reset_password", email: address } as const;
  await mailOtp(deps, otp, (locks, run) =>
    mutateUnchecked(db, "RequestPasswordReset", { by: call, locks, accountIds: [] }, run),
  );
}

/**
 * Sets a password by a mailed token, which works once. Ends all sessions of the user. With `signsIn`, begins a new one, and
 * returns its token.
 */
export async function resetPassword(
  db: Store,
  call: Call,
  deps: OtpDeps & PasswordChangeDeps,
  input: { token: string; password: string },
  signsIn: boolean,
): Promise<string> {
  // A password hash is expensive. So the server computes it only for a caller with a usable token.
  const known = await requireOtp(db, deps, input.token, "reset_password");
  const wanted = { password: input.password, field: "password", personal: [known.email] };
  const hash = await deps.passwords.make(call, wanted);
  const locks = [userLock(known.userId, "no key update"), ...(await sessionLocks(db, known.userId))];
  const locking = { by: call, locks, accountIds: accountsEverOf(known.userId) };
  return mutateUnchecked(db, "ResetPassword", locking, async (tx) => {
    const { userId, email } = await useOtp(tx, deps, input.token, "reset_password");
    const change = tx
      .updateTable("user")
      .set({
        password_hash: hash,
        ...(deps.mailer.delivers && {
          email_proven_at: sql<Date>`coalesce(email_proven_at, clock_timestamp())`,
        }),
      })
      .where("id", "=", userId)
      .where("email", "=", email);
    const [, ...events] = await together([
      change.execute(),
      passwordChanged(tx, userId),
      endSessions(tx, userId),
    ]);
    if (!signsIn) return { ...endedAll, result: "", events: events.flat() };
    const { token, begun } = await begin(tx, deps, userId);
    return { ...endedAll, result: token, events: [...events.flat(), ...begun] };
  });
}

/** Fails if the caller does not know the password of the signed-in user. Returns the user. */
export async function requirePassword(db: Db, user: UserCaller, passwords: Passwords, password: string) {
  const stored = await db
    .selectFrom("user")
    .select(["name", "email", "password_hash"])
    .where("id", "=", user.userId)
    .executeTakeFirstOrThrow();
  const right = await passwords.check(user.call, stored.password_hash ?? undefined, password);
  if (!right) throw wrongPassword();
  return stored;
}

// An attacker with the old password may have requested a token, to reset the password again or to change the e-mail
// address.
async function passwordChanged(tx: Tx, userId: string) {
  const change = { resourceType: "user", resourceId: userId, after: { password: "changed" } };
  const [, events] = await together([endOtps(tx, userId), inEveryAccount(tx, userId, change)]);
  return events;
}

function wrongPassword(): DomainError {
  return new DomainError("INVALID_CREDENTIALS", "the password is wrong");
}
