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
 * superseded by a rotation hands over nothing.
 */
export function assertHolds(principal: Principal, handover: Handover): void {
  if (principal.superseded) {
    throw new DomainError(
      "PERMISSION_DENIED",
      "a token superseded by a rotation mints nothing: use the newer one",
      {
        permission: "api_keys:write",
      },
    );
  }
  for (const permission of handover.permissions ?? []) {
    if (!holds(principal.permissions, permission)) throw permissionDenied(permission);
  }
  if (principal.workspaceScope !== "all") {
    if (handover.workspaceScope === "all") {
      throw new DomainError("WORKSPACE_FORBIDDEN", "you may not enter all workspaces of the account", {
        workspace_id: "*",
      });
    }
    const forbidden = handover.workspaceIds?.find((id) => !principal.workspaceIds.includes(id));
    if (forbidden !== undefined) {
      throw new DomainError("WORKSPACE_FORBIDDEN", "you may not enter this workspace", {
        workspace_id: forbidden,
      });
    }
  }
  const { environment, expiresAt } = handover;
  if (principal.environment && environment !== undefined && environment !== principal.environment) {
    throw new DomainError(
      "ENVIRONMENT_MISMATCH",
      `you may only mint keys of environment ${principal.environment}`,
      {
        environment: principal.environment,
      },
    );
  }
  if (principal.expiresAt && expiresAt !== undefined && (!expiresAt || expiresAt > principal.expiresAt)) {
    throw new DomainError("PERMISSION_DENIED", "a key that expires mints only keys that end no later", {
      permission: "api_keys:write",
      expires_at: principal.expiresAt.toISOString(),
    });
  }
}
