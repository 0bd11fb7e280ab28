import type { Db } from "../../db/connect.ts";
import { speaksFor } from "../access/external-issuer.ts";
import type { UserCaller } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";

/** Fails if a token of an external issuer would act in an account that the issuer does not speak for. */
export function requireSpeaksFor(user: UserCaller, account: { id: string; platform: boolean }): void {
  if (user.external && !speaksFor(user.external.scope, account)) {
    throw new DomainError("ACCOUNT_MISMATCH", "the token's issuer does not speak for this account", {
      account_id: account.id,
    });
  }
}

/** Fails if the external issuer of a token speaks only for named accounts, because a new account is none of them. */
export function requireSpeaksForNewAccount(user: UserCaller): void {
  if (user.external && user.external.scope.accounts !== "*") throw signIn();
}

/**
 * Fails if the external issuer of a token does not speak for every account of the user. An issuer of one account must not
 * act for the user in another account.
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
    "the token's issuer speaks for some accounts only; sign in with e-mail and password",
  );
}
