import type { Bounds } from "../domain/access/bounds.ts";
import type { Read } from "./reader.ts";

/** The maximum number of each kind of record that verdicts are computed from. */
export interface BoundSettings {
  bounds: Bounds;
}

/** Reads the bounds. The maximum of each setting comes from the schema of the requests or from measurements. */
export function readBounds(read: Read): BoundSettings {
  const bound = (name: string, fallback: number, most: number, least = 1) =>
    read(`LATCHKEY_MAX_${name}`, fallback, upTo(least, most), `a number, ${least} to ${most}`);
  return {
    bounds: {
      permissionsPerKey: bound("PERMISSIONS_PER_KEY", 256, 1_024),
      labelBytesPerKey: bound("LABEL_BYTES_PER_KEY", 4_096, 24_320),
      permissionsPerRole: bound("PERMISSIONS_PER_ROLE", 256, 1_024),
      rolesPerTeam: bound("ROLES_PER_TEAM", 32, 256),
      rolesPerAccount: bound("ROLES_PER_ACCOUNT", 100, 1_000, 4),
      teamsPerAccount: bound("TEAMS_PER_ACCOUNT", 1_000, 10_000),
      serviceAccountsPerAccount: bound("SERVICE_ACCOUNTS_PER_ACCOUNT", 1_000, 10_000),
      teamsPerProfile: bound("TEAMS_PER_PROFILE", 32, 1_000),
      permissionsPerPrincipal: bound("PERMISSIONS_PER_PRINCIPAL", 2_000, 10_000),
      workspacesPerProfile: bound("WORKSPACES_PER_PROFILE", 1_000, 10_000),
      membershipsPerUser: bound("MEMBERSHIPS_PER_USER", 100, 1_000),
      accountsPerUser: bound("ACCOUNTS_PER_USER", 20, 1_000),
      tokensPerKey: bound("TOKENS_PER_KEY", 100, 1_000, 2),
      pendingInvitesPerAccount: bound("PENDING_INVITES_PER_ACCOUNT", 1_000, 10_000),
      gracePeriodsPerAccount: bound("GRACE_PERIODS_PER_ACCOUNT", 1_000, 10_000),
      gracePeriodsPerPlatformKey: bound("GRACE_PERIODS_PER_PLATFORM_KEY", 1_000, 10_000),
    },
  };
}

function upTo(least: number, most: number): (text: string) => number | undefined {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
    return value >= least && value <= most ? value : undefined;
  };
}
