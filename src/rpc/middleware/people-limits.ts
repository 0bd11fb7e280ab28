import type { UserCaller } from "../../domain/access/principal.ts";
import { createPublicLimit, type PublicLimit } from "../../verify/public-limit.ts";

/** How often one client address, one e-mail address and one user may make calls that are dear or can be guessed. */
export interface PeopleLimits {
  /** Wrong passwords and mailed tokens, per client address. */
  guessesPerAddress: PublicLimit;
  /** Wrong passwords, per e-mail address, or per user where one is signed in. */
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
  /** `OpenAccount`, per platform account. */
  openedAccounts: PublicLimit;
}

/** The limits that are settings. */
export interface PeopleLimitSettings {
  signUpsPerHour: number;
  passwordChangesPerHour: number;
  mailsPerHour: number;
  invitesPerHour: number;
}

// Wrong passwords in five minutes: enough for a person with many of them, too few for a guesser.
const guessSeconds = 300;
const guessesPerEmail = 10;
const guessesPerAddress = 100;
const hourSeconds = 3_600;
const mailsPerEmail = 5;
// The platform is trusted: enough for an import of many accounts, and an end for a key that leaked.
const openedAccountsPerHour = 10_000;

/** Creates the limits. All of them count from the first call of an hour, or of five minutes. */
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

/** Counts a call by its client address and by its user, whatever their sessions, or refuses it as `RATE_LIMITED`. */
export async function spendAsUser(limit: PublicLimit, { userId, call }: UserCaller): Promise<void> {
  await limit.spend(call.addressKey);
  await limit.spend(userId);
}
