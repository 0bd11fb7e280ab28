import type { Environment } from "../../db/schema.ts";
import { holds } from "../../domain/access/permission.ts";
import type { Principal } from "../../domain/access/principal.ts";
import type { Loaded } from "../cache/load.ts";
import type { AccountAccess } from "./credential.ts";
import type { Failure, Requirements } from "./verdict.ts";

/** Returns the failure of a key of the other environment. A principal without an environment passes. */
export function environmentFailure(principal: Principal, wanted: Environment | undefined): Failure[] {
  const { environment } = principal;
  if (!environment || !wanted || environment === wanted) return [];
  return [{ verdict: "ENVIRONMENT_MISMATCH", metadata: { environment } }];
}

/**
 * Returns the failure of a workspace that the principal may not enter: it is not granted, does not exist, belongs to another
 * account, or is archived.
 */
export function workspaceFailure(
  accountAccess: AccountAccess,
  workspace: Loaded["workspace"],
  workspaceId: string,
): Failure[] {
  if (workspaceId === "") return [];
  const metadata = { workspace_id: workspaceId };
  const granted =
    accountAccess.liveWorkspaces.includes(workspaceId) ||
    accountAccess.archivedWorkspaces.includes(workspaceId);
  const ours = workspace?.accountId === accountAccess.account_id;
  if (!workspace || !ours || !(granted || accountAccess.workspace_scope === "all")) {
    return [{ verdict: "WORKSPACE_FORBIDDEN", metadata }];
  }
  return workspace.live ? [] : [{ verdict: "WORKSPACE_ARCHIVED", metadata }];
}

/** Returns a failure for each required permission and entitlement that is missing. */
export function permissionFailures(
  { held, entitled }: Pick<AccountAccess, "held" | "entitled">,
  requirements: Requirements,
): Failure[] {
  const permissions = requirements.permissions.filter((permission) => !holds(held, permission));
  const entitlements = requirements.entitlements.filter((name) => !entitled.includes(name));
  return [
    ...permissions.map((permission) => ({ verdict: "PERMISSION_DENIED" as const, metadata: { permission } })),
    ...entitlements.map((entitlement) => ({
      verdict: "ENTITLEMENT_REQUIRED" as const,
      metadata: { entitlement },
    })),
  ];
}
