import { sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { alreadyUsed } from "../invite/invite.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import type { Mailer } from "../kernel/mail.ts";
import type { Made } from "../kernel/mutation.ts";
import { type RowLock, userLock } from "../kernel/row-lock.ts";
import type { Mint } from "../kernel/token.ts";
import { hashToken, parseToken } from "../kernel/token.ts";
import { inEveryAccount } from "../session/session.ts";

/** What mailed single-use tokens depend on. */
export interface OtpDeps {
  mint: Mint;
  mailer: Mailer;
  tokenPrefix: string;
}

/** What a mailed token is for. */
export type OtpPurpose = "reset_password" | "prove_email";

const lifetime = sql`interval '1 hour'`;
const subjects: Record<OtpPurpose, string> = {
  reset_password: "Set a new password",
  prove_email: "Prove your e-mail address",
};

/** Runs a change under locks: in the name of whoever asks for a token. */
export type ChangeUnder = (locks: readonly RowLock[], run: (tx: Tx) => Promise<Made<void>>) => Promise<void>;

/** Mails a token that works once, within an hour, unless the session that asked is revoked. Earlier ones for the same purpose end. */
export async function mailOtp(
  deps: OtpDeps,
  input: { userId: string; purpose: OtpPurpose; email: string; sessionId?: string | undefined },
  change: ChangeUnder,
): Promise<void> {
  const id = newId("otp");
  const minted = deps.mint("otp", id);
  // Locked, so that of two that are asked for at once the second ends the first.
  await change([userLock(input.userId, "no key update")], async (tx) => {
    await endOtps(tx, input.userId, input.purpose);
    await tx
      .insertInto("otp")
      .values({
        id,
        user_id: input.userId,
        purpose: input.purpose,
        email: input.email,
        hash: minted.hash,
        made_by_session: input.sessionId ?? null,
        expires_at: sql<Date>`clock_timestamp() + ${lifetime}`,
      })
      .execute();
    const requested = { resourceType: "user", resourceId: input.userId, after: { requested: input.purpose } };
    return { result: undefined, events: await inEveryAccount(tx, input.userId, requested) };
  });
  await deps.mailer.send({
    to: input.email,
    subject: subjects[input.purpose],
    text: `${subjects[input.purpose]} with this token, which works once, within an hour:\n\n${minted.token}\n\nIf you did not ask for it, do nothing.\n`,
  });
}

/** Ends the unused tokens that were mailed for a user: those for one purpose, or all. */
export async function endOtps(tx: Tx, userId: string, purpose?: OtpPurpose): Promise<void> {
  let unused = tx.deleteFrom("otp").where("user_id", "=", userId).where("used_at", "is", null);
  if (purpose) unused = unused.where("purpose", "=", purpose);
  await unused.execute();
}

/** Uses a mailed token up, and says whose it was. A used one is told as used, to who holds it. */
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
 * Refuses a mailed token that cannot be used, without using it. Says whose it is: every change of both locks their user
 * before the token.
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
