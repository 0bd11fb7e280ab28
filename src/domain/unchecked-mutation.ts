/**
 * The changes that no bearer makes, and why each may do without one. Every other change locks and evaluates its bearer
 * inside its transaction. A test compares this list with the source.
 */
export const uncheckedMutations = {
  SignUp: "The caller has no user yet. The change makes one.",
  LogIn: "The password is the proof. The change compares it with the locked user once more.",
  AcceptInvite: "Without a bearer, the token of the invite is the proof. The change locks the invite.",
  RequestPasswordReset: "Anybody may ask. The token goes to the address of the user and nowhere else.",
  ResetPassword: "The mailed token is the proof. The change locks it and uses it up.",
  ProveEmail: "The mailed token is the proof. The change locks it and uses it up.",
  RevokeToken: "Holding a token is the right to end it (RFC 7009).",
  ProvisionUser: "The gate makes the user of a verified outside token before it evaluates the bearer.",
  TakeBackAccount: "Undoes an account that the same call opened and whose invite could not be mailed.",
  Bootstrap: "The operator runs it on the command line.",
  RotatePlatformToken: "The operator runs it on the command line.",
  PurgeAccount: "A background job, after the waiting period of a deleted account.",
} as const satisfies Record<string, string>;

/** The name of a change that no bearer makes. */
export type UncheckedMutation = keyof typeof uncheckedMutations;
