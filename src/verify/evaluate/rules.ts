import type { Environment } from "../../db/schema.ts";
import { holds } from "../../domain/access/permission.ts";
import type { Principal } from "../../domain/access/principal.ts";
import type { Loaded } from "../cache/load.ts";
import type { Opening } from "./credential.ts";
import type { Failure, Question } from "./verdict.ts";

/** A key of the other environment fails; what is bound to none passes. */
export function environmentFailure(principal: Principal, wanted: Environment | undefined): Failure[] {
  const { environment } = principal;
  if (!environment || !wanted || environment === wanted) return [];
  return [{ verdict: "ENVIRONMENT_MISMATCH", metadata: { environment } }];
}

/** A workspace that may not be entered, because it is not granted, not there, another account's, or archived. */
export function workspaceFailure(
  opening: Opening,
  workspace: Loaded["workspace"],
  workspaceId: string,
): Failure[] {
  if (workspaceId === "") return [];
  const metadata = { workspace_id: workspaceId };
  const granted =
    opening.liveWorkspaces.includes(workspaceId) || opening.archivedWorkspaces.includes(workspaceId);
  const ours = workspace?.accountId === opening.account_id;
  if (!workspace || !ours || !(granted || opening.workspace_scope === "all")) {
    return [{ verdict: "WORKSPACE_FORBIDDEN", metadata }];
  }
  return workspace.live ? [] : [{ verdict: "WORKSPACE_ARCHIVED", metadata }];
}

/** Every permission and entitlement that is missing. */
export function permissionFailures({ held, entitled }: Opening, question: Question): Failure[] {
  const permissions = question.permissions.filter((permission) => !holds(held, permission));
  const entitlements = question.entitlements.filter((name) => !entitled.includes(name));
  return [
    ...permissions.map((permission) => ({ verdict: "PERMISSION_DENIED" as const, metadata: { permission } })),
    ...entitlements.map((entitlement) => ({
      verdict: "ENTITLEMENT_REQUIRED" as const,
      metadata: { entitlement },
    })),
  ];
}
