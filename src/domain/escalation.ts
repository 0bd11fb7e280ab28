import type { Environment, WorkspaceScope } from "../db/schema.ts";
import { DomainError } from "./error.ts";
import { holds } from "./permission.ts";
import { type Principal, permissionDenied } from "./principal.ts";

/** What a change would put into somebody's hands. What is left out is not handed over. */
export interface Handover {
  permissions?: readonly string[];
  workspaceScope?: WorkspaceScope;
  workspaceIds?: readonly string[];
  environment?: Environment | null;
  /** When the key ends; null is never. */
  expiresAt?: Date | null;
}

/**
 * Refuses to hand over more than the principal holds: permissions, workspaces, environment and lifetime. Every path
 * that mints, widens, rotates into existence or hands over calls this, and nothing else decides it. A token that was
 * superseded by a rotation hands over nothing. Where several rules fail, the first of the table of errors is told.
 */
export function assertHolds(principal: Principal, handover: Handover): void {
  assertEnvironment(principal, handover);
  assertWorkspaces(principal, handover);
  if (principal.superseded) {
    throw new DomainError(
      "PERMISSION_DENIED",
      "a token superseded by a rotation mints nothing: use the newer one",
      { permission: "api_keys:write" },
    );
  }
  for (const permission of handover.permissions ?? []) {
    if (!holds(principal.permissions, permission)) throw permissionDenied(permission);
  }
  assertLifetime(principal, handover);
}

function assertEnvironment(principal: Principal, { environment }: Handover): void {
  if (!principal.environment || environment === undefined || environment === principal.environment) return;
  throw new DomainError(
    "ENVIRONMENT_MISMATCH",
    `your key mints and widens only keys of environment ${principal.environment}`,
    { environment: principal.environment },
  );
}

function assertWorkspaces(principal: Principal, { workspaceScope, workspaceIds = [] }: Handover): void {
  if (principal.workspaceScope === "all") return;
  if (workspaceScope === "all") {
    throw new DomainError("WORKSPACE_FORBIDDEN", "you may not enter all workspaces of the account", {
      workspace_id: "*",
    });
  }
  const forbidden = workspaceIds.find((id) => !principal.workspaceIds.includes(id));
  if (forbidden !== undefined) {
    throw new DomainError("WORKSPACE_FORBIDDEN", "you may not enter this workspace", {
      workspace_id: forbidden,
    });
  }
}

function assertLifetime(principal: Principal, { expiresAt }: Handover): void {
  if (!principal.expiresAt || expiresAt === undefined) return;
  if (expiresAt && expiresAt <= principal.expiresAt) return;
  throw new DomainError("PERMISSION_DENIED", "a key that ends mints and widens only keys that end no later", {
    permission: "api_keys:write",
    expires_at: principal.expiresAt.toISOString(),
  });
}
