import type { Reach } from "./escalation.ts";
import { lastingReach } from "./role-holder.ts";

/** What somebody reaches who accepts an invite. */
export function invitedReach(
  role: { permissions: readonly string[]; all_workspaces: boolean },
  workspaceIds: readonly string[],
): Reach {
  return lastingReach(role.permissions, role.all_workspaces ? "all" : workspaceIds);
}
