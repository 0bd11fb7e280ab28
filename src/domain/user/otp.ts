import { sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { alreadyUsed } from "../invite/invite.ts";
import type { Made } from "../kernel/change.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { type Mailer, pageLines } from "../kernel/mail.ts";
import { type RowLock, userLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import type { Mint } from "../kernel/token.ts";
import { hashToken, parseToken } from "../kernel/token.ts";
import { inEveryAccount } from "../session/session.ts";

/** The dependencies of mailed single-use tokens. */
export interface OtpDeps {
  mint: Mint;
  mailer: Mailer;
  tokenPrefix: string;
}

/** The purpose of a mailed token. */
export type OtpPurpose = "reset_password" | "prove_email";

const lifetime = sql`interval '1 hour'`;
const subjects: Record<OtpPurpose, string> = {
  reset_password: "Set a new password",
  prove_email: "Prove your e-mail address",
};

// The pages of the console on which the tokens are used.
const pages: Record<OtpPurpose, string> = {
  reset_password: "/reset-password",
  prove_email: "/password",
};

/** Runs a change under locks, as the caller who requests a token. */
export type ChangeUnder = (locks: readonly RowLock[], run: (tx: Tx) => Promise<Made<void>>) => Promise<void>;

/**
 * Mails a token that works once, within an hour. It ends earlier if the session that requested it is revoked, or if the
 * user requests another token for the same purpose.
 */
export async function mailOtp(
  deps: OtpDeps,
  input: { userId: string; purpose: OtpPurpose; email: string; sessionId?: string | undefined },
  change: ChangeUnder,
): Promise<void> {
  const id = newId("otp");
  const minted = deps.mint("otp", id);
  // The lock orders two concurrent requests, so that the second ends the token of the first.
  await change([userLock(input.userId, "no key update")], async (tx) => {
    const insert = tx.insertInto("otp").values({
      id,
      user_id: input.userId,
      purpose: input.purpose,
      email: input.email,
      hash: minted.hash,
      made_by_session: input.sessionId ?? null,
      expires_at: sql<Date>`clock_timestamp() + ${lifetime}`,
    });
    const requested = { resourceType: "user", resourceId: input.userId, after: { requested: input.purpose } };
    const [, , events] = await together([
      endOtps(tx, input.userId, input.purpose),
      insert.execute(),
      inEveryAccount(tx, input.userId, requested),
    ]);
    return { result: undefined, events };
  });
  const subject = subjects[input.purpose];
  const page = pageLines(deps.mailer, pages[input.purpose]);
  await deps.mailer.send({
    to: input.email,
    subject,
    text: `${subject} with this token, which works once, within an hour:\n\n${minted.token}\n\n${page}If you did not ask for it, do nothing.\n`,
  });
}

/** Ends the unused tokens that were mailed to a user, for one purpose or for all. */
export async function endOtps(tx: Tx, userId: string, purpose?: OtpPurpose): Promise<void> {
  let unused = tx.deleteFrom("otp").where("user_id", "=", userId).where("used_at", "is", null);
  if (purpose) unused = unused.where("purpose", "=", purpose);
  await unused.execute();
}

/**
 * Marks a mailed token as used and returns its user. If the token was used before, the error says so only to a caller
 * who holds the token.
 */
export async function useOtp(
  tx: Tx,
  deps: Pick<OtpDeps, "tokenPrefix">,
  token: string,
  purpose: OtpPurpose,
): Promise<{ userId: string; email: string }> {
  const { id, user_id, email } = requireUsable(
    await selectOtp(tx, deps, token, purpose).forUpdate().executeTakeFirst(),
  );
  await tx.updateTable("otp").set({ used_at: sql<Date>`clock_timestamp()` }).where("id", "=", id).execute();
  return { userId: user_id, email };
}

/**
 * Fails if a mailed token cannot be used. Does not mark it as used. Returns its user, because a change of both must
 * lock the user before the token.
 */
export async function requireOtp(
  db: Db,
  deps: Pick<OtpDeps, "tokenPrefix">,
  token: string,
  purpose: OtpPurpose,
): Promise<{ userId: string; email: string }> {
  const otp = requireUsable(await selectOtp(db, deps, token, purpose).executeTakeFirst());
  return { userId: otp.user_id, email: otp.email };
}

function selectOtp(db: Db, deps: Pick<OtpDeps, "tokenPrefix">, token: string, purpose: OtpPurpose) {
  const parsed = parseToken(deps.tokenPrefix, token);
  if (parsed?.kind !== "otp") throw unknownToken();
  return db
    .selectFrom("otp")
    .select([
      "id",
      "user_id",
      "email",
      "used_at",
      sql<boolean>`expires_at <= clock_timestamp()`.as("expired"),
    ])
    .where("id", "=", parsed.id)
    .where("hash", "=", hashToken(token))
    .where("purpose", "=", purpose);
}

function requireUsable<T extends { used_at: Date | null; expired: boolean }>(otp: T | undefined): T {
  if (!otp) throw unknownToken();
  if (otp.used_at) throw alreadyUsed("the token was used");
  if (otp.expired) throw alreadyUsed("the token has expired: ask for another one");
  return otp;
}

function unknownToken(): DomainError {
  return new DomainError("INVALID_CREDENTIALS", "the token is unknown, wrong or malformed");
}
