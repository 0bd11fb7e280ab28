import type { Db } from "../../db/connect.ts";
import { speaksFor } from "../access/external-issuer.ts";
import type { UserCaller } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";

/** Refuses a token of an outside issuer where it would act in an account that the issuer does not speak for. */
export function requireSpeaksFor(user: UserCaller, account: { id: string; platform: boolean }): void {
  if (user.external && !speaksFor(user.external.scope, account)) {
    throw new DomainError("ACCOUNT_MISMATCH", "the token's issuer does not speak for this account", {
      account_id: account.id,
    });
  }
}

/** Refuses a token of an outside issuer that speaks for named accounts: a new account is none of them. */
export function requireSpeaksForNewAccount(user: UserCaller): void {
  if (user.external && user.external.scope.accounts !== "*") throw signIn();
}

/**
 * Refuses a token of an outside issuer that does not speak for every account of its user: whoever issues tokens for one
 * account does not act for the person in another.
 */
export async function requireWholeUser(db: Db, user: UserCaller): Promise<void> {
  const { external } = user;
  if (!external) return;
  const accounts = await db
    .selectFrom("membership")
    .innerJoin("account", "account.id", "membership.account_id")
    .select(["account.id", "account.platform"])
    .where("membership.user_id", "=", user.userId)
    .execute();
  if (!accounts.every((account) => speaksFor(external.scope, account))) throw signIn();
}

function signIn(): DomainError {
  return new DomainError(
    "LOGIN_REQUIRED",
    "the token's issuer speaks for some accounts only: sign in with e-mail and password",
  );
}
