import type { Reach } from "../access/escalation.ts";
import { lastingReach } from "../access/role-holder.ts";

/** What somebody reaches who accepts an invite. */
export function invitedReach(
  role: { permissions: readonly string[]; all_workspaces: boolean },
  workspaceIds: readonly string[],
): Reach {
  return lastingReach(role.permissions, role.all_workspaces ? "all" : workspaceIds);
}
