import { parseCount } from "./parse.ts";
import type { Read } from "./reader.ts";

/** Whether people may sign up, and the rate limits of the methods for people. */
export interface PeopleSettings {
  /** `closed`: a sign-up needs an invite. */
  signup: "open" | "closed";
  /** `SignUp`, `AcceptInvite` without a bearer, and `CreateAccount`, per client address and per user. */
  signUpsPerHour: number;
  /** `ChangePassword` and `ResetPassword`, per client address and per user. */
  passwordChangesPerHour: number;
  /** `RequestPasswordReset` and `ChangeEmail`, per client address and per user. */
  mailsPerHour: number;
  /** `CreateInvite` and `AddWorkspaceMember` by e-mail address, per account. */
  invitesPerHour: number;
}

const expected = "a number, 1 to 100000000";

/** Reads the settings about people. */
export function readPeopleSettings(read: Read): PeopleSettings {
  return {
    signup: read(
      "LATCHKEY_SIGNUP",
      "open",
      (text) => (text === "open" || text === "closed" ? text : undefined),
      "open or closed",
    ),
    signUpsPerHour: read("LATCHKEY_SIGNUPS_PER_HOUR", 60, parseCount, expected),
    passwordChangesPerHour: read("LATCHKEY_PASSWORD_CHANGES_PER_HOUR", 60, parseCount, expected),
    mailsPerHour: read("LATCHKEY_MAILS_PER_HOUR", 100, parseCount, expected),
    invitesPerHour: read("LATCHKEY_INVITES_PER_HOUR", 500, parseCount, expected),
  };
}
