/**
 * The changes that no bearer makes, and the reason why each needs none. Every other change locks and evaluates its
 * bearer inside its transaction. A test compares this list with the source.
 */
export const uncheckedMutations = {
  SignUp: "The caller has no user yet. The change makes one.",
  LogIn: "The password is the proof. The change compares it with the locked user again.",
  AcceptInvite: "Without a bearer, the token of the invite is the proof. The change locks the invite.",
  RequestPasswordReset: "Anyone may call it. The server sends the token only to the address of the user.",
  ResetPassword: "The mailed token is the proof. The change locks it and marks it as used.",
  ProveEmail: "The mailed token is the proof. The change locks it and marks it as used.",
  RevokeToken: "The token itself is the right to end it (RFC 7009).",
  RevokeEmbedSession: "The token itself is the right to end it (RFC 7009).",
  ProvisionUser:
    "The auth interceptor creates the user of a verified external token before it evaluates the bearer.",
  TakeBackAccount: "It undoes an account that the same call created and whose invite could not be mailed.",
  Bootstrap: "The operator runs it on the command line.",
  RotatePlatformToken: "The operator runs it on the command line.",
  ClearExternalIds: "The operator runs it on the command line.",
} as const satisfies Record<string, string>;

/** The name of a change that no bearer makes. */
export type UncheckedMutation = keyof typeof uncheckedMutations;

/**
 * The files that write outside of a mutation, and the reason why each may. The same test compares this list with the
 * source.
 */
export const backgroundWrites = {
  "db/migrate.ts": "Migrations run before anything is served.",
  "domain/account/delete.ts": "A background job purges a deleted account after its waiting period.",
  "domain/kernel/audit-retention.ts": "A background job deletes audit events that are too old.",
  "domain/session/embed-retention.ts": "A background job deletes embed sessions that ended long ago.",
  "domain/session/failed-log-in.ts":
    "A background job writes how often log-ins failed. It changes no resource.",
  "domain/kernel/refusal.ts": "A background job writes how often calls were refused. It changes no resource.",
  "domain/usage/record.ts":
    "A background job and guards report how often tokens were used. No verdict depends on it.",
  "domain/usage/retention.ts": "A background job deletes usage that is too old.",
  "verify/coherence/lease-registry.ts": "An instance registers its lease. It changes no resource.",
} as const satisfies Record<string, string>;
