import { DomainError } from "../kernel/error.ts";

/**
 * How many there may be of what a verdict is made from, and of what is pending. The rows that verification loads stay
 * small by it, and so does the work of one evaluation. `accountsPerUser` bounds what one user makes.
 */
export interface Bounds {
  /** In a key's own list. */
  permissionsPerKey: number;
  permissionsPerRole: number;
  rolesPerTeam: number;
  /** Built-in roles included. */
  rolesPerAccount: number;
  teamsPerAccount: number;
  serviceAccountsPerAccount: number;
  /** Of a person. */
  teamsPerProfile: number;
  /** In all roles that a person or a team has, together. A role counts once, however it comes. */
  permissionsPerPrincipal: number;
  /** Granted to a person, a service account or a key. Archived ones count until they are taken away. */
  workspacesPerProfile: number;
  /** Accounts that a user is in, as a member or as a guest. */
  membershipsPerUser: number;
  /** Accounts that a user owns, deleted ones left out, before `CreateAccount` refuses another. */
  accountsPerUser: number;
  /** Ended ones included, of which the oldest make room. */
  tokensPerKey: number;
  /** Invites that can still be accepted. */
  pendingInvitesPerAccount: number;
  /** Superseded tokens that have not ended. */
  gracePeriodsPerAccount: number;
}

export type BoundName = keyof Bounds;

const meaning: Record<BoundName, (limit: number) => string> = {
  permissionsPerKey: (limit) => `a key has at most ${limit} permissions in its list`,
  permissionsPerRole: (limit) => `a role has at most ${limit} permissions`,
  rolesPerTeam: (limit) => `a team has at most ${limit} roles`,
  rolesPerAccount: (limit) => `an account has at most ${limit} roles`,
  teamsPerAccount: (limit) => `an account has at most ${limit} teams`,
  serviceAccountsPerAccount: (limit) => `an account has at most ${limit} service accounts`,
  teamsPerProfile: (limit) => `a person is in at most ${limit} teams`,
  permissionsPerPrincipal: (limit) =>
    `the roles of a person or a team have at most ${limit} permissions together`,
  workspacesPerProfile: (limit) => `at most ${limit} workspaces are granted to one profile`,
  membershipsPerUser: (limit) => `a user is in at most ${limit} accounts`,
  accountsPerUser: (limit) => `a user owns at most ${limit} accounts`,
  tokensPerKey: (limit) => `a key has at most ${limit} tokens that have not ended`,
  pendingInvitesPerAccount: (limit) => `an account has at most ${limit} pending invites`,
  gracePeriodsPerAccount: (limit) => `an account has at most ${limit} tokens in their grace period`,
};

/** A bound as clients and operators read it: `permissions_per_key`. */
export function nameOfBound(bound: BoundName): string {
  return bound.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Refuses a change after which there are more than a bound allows, and more than before. A change that makes them fewer
 * always passes, even where they are still too many.
 */
export function requireWithin(bounds: Bounds, bound: BoundName, size: number, before = 0): void {
  if (size > bounds[bound] && size > before) throw boundExceeded(bounds, bound);
}

/** The refusal of a change that would exceed a bound. */
export function boundExceeded(
  bounds: Bounds,
  bound: BoundName,
  metadata: Record<string, string> = {},
): DomainError {
  const limit = bounds[bound];
  const name = nameOfBound(bound);
  return new DomainError("BOUND_EXCEEDED", `${meaning[bound](limit)} (${name})`, {
    bound: name,
    limit: String(limit),
    ...metadata,
  });
}
