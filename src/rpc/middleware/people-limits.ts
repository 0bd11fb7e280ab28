import type { UserCaller } from "../../domain/access/principal.ts";
import { createPublicLimit, type PublicLimit } from "../../verify/public-limit.ts";

/** Rate limits for calls that are expensive or serve to guess secrets: per client address, e-mail address and user. */
export interface PeopleLimits {
  /** Wrong passwords and mailed tokens, per client address. */
  guessesPerAddress: PublicLimit;
  /** Wrong passwords, per e-mail address, or per user if one is signed in. */
  guessesPerEmail: PublicLimit;
  /** `SignUp`, `AcceptInvite` without a bearer, and `CreateAccount`, per client address and per user. */
  signUps: PublicLimit;
  /** `ChangePassword` and `ResetPassword`, per client address and per user. */
  passwordChanges: PublicLimit;
  /** `RequestPasswordReset` and `ChangeEmail`, per client address and per user. */
  mails: PublicLimit;
  /** The same and invites, per e-mail address that gets the mail. */
  mailsPerEmail: PublicLimit;
  /** `CreateInvite` and `AddWorkspaceMember` by e-mail address, per account. */
  invites: PublicLimit;
  /** `OpenAccount` and `InviteFirstOwner`, per platform account. */
  openedAccounts: PublicLimit;
}

/** The limits that are settings. */
export interface PeopleLimitSettings {
  signUpsPerHour: number;
  passwordChangesPerHour: number;
  mailsPerHour: number;
  invitesPerHour: number;
}

// Wrong passwords in five minutes: enough for a person with many passwords, too few for guessing.
const guessSeconds = 300;
const guessesPerEmail = 10;
const guessesPerAddress = 100;
const hourSeconds = 3_600;
const mailsPerEmail = 5;
// The platform is trusted. The limit allows an import of many accounts, and bounds the damage of a leaked key.
const openedAccountsPerHour = 10_000;

/** Creates the limits. The period of each key, an hour or five minutes, starts with its first call. */
export function createPeopleLimits(settings: PeopleLimitSettings): PeopleLimits {
  const perHour = (name: string, points: number) => createPublicLimit(name, points, hourSeconds);
  return {
    guessesPerAddress: createPublicLimit("guessesPerAddress", guessesPerAddress, guessSeconds),
    guessesPerEmail: createPublicLimit("guessesPerEmail", guessesPerEmail, guessSeconds),
    signUps: perHour("signUps", settings.signUpsPerHour),
    passwordChanges: perHour("passwordChanges", settings.passwordChangesPerHour),
    mails: perHour("mails", settings.mailsPerHour),
    mailsPerEmail: perHour("mailsPerEmail", mailsPerEmail),
    invites: perHour("invites", settings.invitesPerHour),
    openedAccounts: perHour("openedAccounts", openedAccountsPerHour),
  };
}

/** Counts a call per client address and per user, across the user's sessions. Fails with `RATE_LIMITED` at the limit. */
export async function spendAsUser(limit: PublicLimit, { userId, call }: UserCaller): Promise<void> {
  await limit.spend(call.addressKey);
  await limit.spend(userId);
}
