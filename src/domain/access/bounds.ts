import { DomainError } from "../kernel/error.ts";

/**
 * Limits for everything that a verdict is made from, and for everything that is pending. They keep the rows that
 * verification loads small, and the work of one evaluation short. `accountsPerUser` limits what one user creates.
 */
export interface Bounds {
  /** The permissions in the list of a key itself. */
  permissionsPerKey: number;
  /** The characters of all label names and values of a key. A verdict carries them. */
  labelBytesPerKey: number;
  permissionsPerRole: number;
  rolesPerTeam: number;
  /** Built-in roles included. */
  rolesPerAccount: number;
  teamsPerAccount: number;
  serviceAccountsPerAccount: number;
  /** The teams of one person. */
  teamsPerProfile: number;
  /**
   * The permissions of all roles of a person or a team together. A role counts once, even if the person has it by
   * several teams.
   */
  permissionsPerPrincipal: number;
  /**
   * The workspaces granted to a person, a service account or a key. An archived workspace counts until its grant is
   * removed.
   */
  workspacesPerProfile: number;
  /** Accounts that a user belongs to, as a member or as a guest. */
  membershipsPerUser: number;
  /** Accounts that a user owns, deleted ones excluded. `CreateAccount` refuses another one. */
  accountsPerUser: number;
  /** Ended tokens count too. The server deletes the oldest of them when a new token needs room. */
  tokensPerKey: number;
  /** Invites that can still be accepted. */
  pendingInvitesPerAccount: number;
  /** Superseded tokens that have not ended. */
  gracePeriodsPerAccount: number;
  /** Superseded tokens that have not ended, in all tenants together. A platform key gave their grace periods. */
  gracePeriodsPerPlatformKey: number;
}

export type BoundName = keyof Bounds;

const meaning: Record<BoundName, (limit: number) => string> = {
  permissionsPerKey: (limit) => `a key has at most ${limit} permissions in its list`,
  labelBytesPerKey: (limit) =>
    `metadata.labels: the names and values of the labels of a key have at most ${limit} bytes together`,
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
  gracePeriodsPerPlatformKey: (limit) =>
    `a platform key gives at most ${limit} grace periods at the same time in all tenants together`,
};

/** Returns the name of a bound as clients and operators see it, such as `permissions_per_key`. */
export function nameOfBound(bound: BoundName): string {
  return bound.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Fails with `BOUND_EXCEEDED` if a change leaves more than the bound allows, and more than before. A change that
 * reduces the number always passes, even if the number stays above the bound.
 */
export function requireWithin(bounds: Bounds, bound: BoundName, size: number, before = 0): void {
  if (size > bounds[bound] && size > before) throw boundExceeded(bounds, bound);
}

/** Returns the `BOUND_EXCEEDED` error for a change that would exceed a bound. */
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
