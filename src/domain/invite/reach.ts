import type { Reach } from "../access/reach.ts";
import { lastingReach } from "../access/role-holder.ts";

/** What external issuers may claim for somebody who accepts an invite. */
export interface Claims {
  /** The roles that give the most. */
  roles: readonly { permissions: readonly string[]; allWorkspaces: boolean }[];
  /** Whether the account removed the person: then the claims open nothing until the invite is accepted. */
  removed: boolean;
}

/**
 * The most that somebody reaches who accepts an invite. Claims count where the invite gives them a place: workspaces, or
 * an account from which the person was removed. Everything else they give without the invite.
 */
export function invitedReach(
  role: { permissions: readonly string[]; all_workspaces: boolean },
  workspaceIds: readonly string[],
  claims: Claims = { roles: [], removed: false },
): Reach {
  const claimed = claims.removed || workspaceIds.length > 0 ? claims.roles : [];
  const permissions = [...role.permissions, ...claimed.flatMap((one) => one.permissions)];
  const all = role.all_workspaces || claimed.some(({ allWorkspaces }) => allWorkspaces);
  return lastingReach([...new Set(permissions)], all ? "all" : workspaceIds);
}
