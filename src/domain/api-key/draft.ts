import type { ApiKeyKind, Environment, Labels, StoredRateLimit, WorkspaceScope } from "../../db/schema.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import { type Caller, requirePermission, requirePermissionOrOwn } from "../access/principal.ts";
import { type NewRateLimit, parseRateLimits } from "../access/rate-limit.ts";
import { DomainError, invalidField, invalidFields } from "../kernel/error.ts";
import { nameViolations } from "../kernel/text.ts";
import type { TokenKind } from "../kernel/token.ts";
import { drawnOn } from "./limits.ts";
import { checkKey, type FoundOwner, type KeyOwner, type Listed, ownerOf } from "./owner.ts";

/** The fields of a new key. A field that is left out has its default. */
export interface NewApiKey {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  permissions: string[];
  kind?: ApiKeyKind;
  environment?: Environment;
  workspaceScope?: WorkspaceScope;
  expiresAt?: Date;
  serviceAccountId: string;
  /** The service account that the same change creates as the owner of the key. */
  serviceAccount?: { name: string; teamId: string };
  workspaceIds: string[];
  rateLimits: readonly NewRateLimit[];
}

/** A new key before it is created, with all defaults filled in. */
export interface Draft {
  kind: ApiKeyKind;
  tokenKind: TokenKind;
  environment: Environment | null;
  workspaceScope: WorkspaceScope;
  permissions: string[];
  expiresAt: Date | null;
  rateLimits: StoredRateLimit[];
}

/** Fills in the defaults of a request by kind. Fails with a violation if fields do not fit together. Needs no database. */
export function draft(caller: Caller, parsePermissions: ParsePermissions, input: NewApiKey): Draft {
  const kind = input.kind ?? "application";
  requireMayCreate(caller, kind);
  if (input.serviceAccount) requirePermission(caller, "service_accounts:write");
  if (kind !== "application" && input.environment) {
    throw invalidField("spec.environment", "expected none: only application keys have an environment");
  }
  checkOwnerFields(kind, input);
  // At creation, an empty list of an owned key stands for everything that its owner may do.
  const wanted = kind !== "application" && input.permissions.length === 0 ? ["*"] : input.permissions;
  const { permissions, violations } = parsePermissions(wanted, "spec.permissions");
  violations.unshift(...nameViolations(input.name));
  const rateLimits = parseRateLimits(input.rateLimits, "spec.rate_limits");
  violations.push(...rateLimits.violations);
  if (violations.length > 0) throw invalidFields(violations);
  const environment = kind === "application" ? (input.environment ?? "live") : null;
  const workspaceScope = input.workspaceScope ?? (kind === "application" ? "selected" : "all");
  const tokenKind = environment ?? (kind === "service" ? "svc" : "dev");
  const expiresAt = input.expiresAt ?? null;
  if (workspaceScope === "all" && input.workspaceIds.length > 0) throw takesNoGrants();
  const { limits } = rateLimits;
  return { kind, tokenKind, environment, workspaceScope, permissions, expiresAt, rateLimits: limits };
}

function checkOwnerFields(kind: ApiKeyKind, { serviceAccountId, serviceAccount }: NewApiKey): void {
  const none = "expected none: only service keys belong to a service account";
  if (kind !== "service" && serviceAccountId) throw invalidField("spec.service_account_id", none);
  if (kind !== "service" && serviceAccount) throw invalidField("service_account", none);
  if (kind === "service" && !serviceAccountId && !serviceAccount) {
    throw invalidField(
      "spec.service_account_id",
      "expected the service account that owns the key, or a new one in service_account",
    );
  }
  if (serviceAccountId && serviceAccount) {
    throw invalidField("service_account", "expected none: spec.service_account_id names a service account");
  }
}

function requireMayCreate(caller: Caller, kind: ApiKeyKind): void {
  requirePermissionOrOwn(caller, "api_keys:write", kind === "developer" && caller.kind === "user");
}

/** The facts by which a draft is evaluated: the owner of the key, and the list and scope of the caller's own key. */
export interface DraftContext {
  owner: FoundOwner | undefined;
  listed: Listed | undefined;
}

/** Fails if the draft would reach more than the caller. Returns the owner of the key, if it has one. */
export function checkDraft(
  caller: Caller,
  key: Draft,
  workspaceIds: readonly string[],
  { owner: found, listed }: DraftContext,
): KeyOwner | undefined {
  requireMayCreate(caller, key.kind);
  const { kind, environment, permissions } = key;
  const owner = ownerOf(caller, kind, found);
  const limitedBy = drawnOn(caller, key.rateLimits);
  const state = { kind, environment, permissions, system: false, granted: workspaceIds, limitedBy };
  checkKey(caller, listed, {
    owner: owner?.rights,
    after: { ...state, workspace_scope: key.workspaceScope, expires_at: key.expiresAt },
    grants: workspaceIds,
  });
  return owner;
}

/** Returns the error for a grant to a key that can enter every workspace. */
export function takesNoGrants(): DomainError {
  return new DomainError(
    "WRONG_STATE",
    "a key with WORKSPACE_SCOPE_ALL enters every workspace, so it takes no grants",
    {
      workspace_scope: "WORKSPACE_SCOPE_ALL",
    },
  );
}
