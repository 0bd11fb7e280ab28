import {
  type ApiKey,
  ApiKeyKind,
  ApiKeyState,
  Environment,
  WorkspaceScope,
} from "../../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../../gen/latchkey/v1/principal_pb.ts";
import type { Session } from "../../session.ts";

/** What the caller may do with a key. The console offers nothing else. */
export interface KeyActions {
  edit: boolean;
  rotate: boolean;
  disable: boolean;
  enable: boolean;
  revoke: boolean;
  /** Grant a workspace to the key. */
  grant: boolean;
  /** Remove the grant of a workspace. */
  ungrant: boolean;
}

type Caller = Pick<Session, "principal" | "profile" | "can">;

/** Returns what a caller may do with a key. `owner`: whether the caller is an owner of the account. */
export function actionsOf(caller: Caller, key: ApiKey, owner: boolean): KeyActions {
  const { can } = caller;
  const live = key.state === ApiKeyState.ACTIVE || key.state === ApiKeyState.DISABLED;
  const revoked = key.state === ApiKeyState.REVOKED;
  const system = key.spec?.system ?? false;
  const developer = key.spec?.kind === ApiKeyKind.DEVELOPER;
  const own = isOwnDeveloperKey(caller, key);
  const mayMint = developer ? own : can("api_keys:write") && reaches(caller, key);
  const mayManage = can("api_keys:manage");
  const disabled = key.state === ApiKeyState.DISABLED;
  return {
    edit: !revoked && !system && can("api_keys:write"),
    rotate: live && (system ? owner : mayMint),
    disable: !revoked && !disabled && !isStopped(key) && (system ? owner : mayManage),
    enable: isStopped(key) && !revoked && (system ? owner : mayManage && reaches(caller, key)),
    revoke: !revoked && !system && (own || mayManage),
    grant: !revoked && !system && can("api_keys:write"),
    ungrant: !revoked && !system && mayManage,
  };
}

/** Returns the kinds of key that a caller may create. */
export function creatableKinds({ principal, can }: Caller): ApiKeyKind[] {
  const own = principal.kind === PrincipalKind.USER ? [ApiKeyKind.DEVELOPER] : [];
  if (!can("api_keys:write")) return own;
  // A service key works in every environment, so a caller of one environment cannot create it.
  if (principal.environment !== Environment.UNSPECIFIED) return [ApiKeyKind.APPLICATION];
  return [ApiKeyKind.APPLICATION, ApiKeyKind.SERVICE, ...own];
}

/** Returns whether a key is the caller's own developer key. Only its user creates a developer key. */
export function isOwnDeveloperKey({ principal, profile }: Caller, key: ApiKey): boolean {
  return (
    principal.kind === PrincipalKind.USER &&
    key.spec?.kind === ApiKeyKind.DEVELOPER &&
    key.info?.createdBy?.metadata?.id === profile.metadata?.id
  );
}

// A disabled key may also have expired. It shows the second state then.
function isStopped(key: ApiKey): boolean {
  return key.info?.disabledAt !== undefined;
}

// A service or developer key may do less than its list. So the server decides about it, if the caller does not hold the list.
function reaches({ principal, can }: Caller, { spec, info }: ApiKey): boolean {
  const { environment, workspaceScope, workspaceIds } = principal;
  if (environment !== Environment.UNSPECIFIED && spec?.environment !== environment) return false;
  if (spec?.kind !== ApiKeyKind.APPLICATION) return true;
  if (workspaceScope !== WorkspaceScope.ALL) {
    if (spec.workspaceScope === WorkspaceScope.ALL) return false;
    if (!(info?.workspacesPreview ?? []).every(({ id }) => workspaceIds.includes(id))) return false;
  }
  return spec.permissions.every((permission) => can(permission));
}
