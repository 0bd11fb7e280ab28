import type { Reach } from "../access/reach.ts";
import { lastingReach } from "../access/role-holder.ts";

/** The claims that external issuers may make for the person who accepts an invite. */
export interface Claims {
  /** The roles that limit the claims. */
  roles: readonly { permissions: readonly string[]; allWorkspaces: boolean }[];
  /** Whether the account has removed the person. Until the invite is accepted, the claims then give no access. */
  removed: boolean;
}

/**
 * Returns the most that a person reaches by accepting an invite. Claims count only if the invite makes them effective:
 * by workspaces, or in an account that had removed the person. Otherwise they are effective without the invite.
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
