import type { Environment, ProfileType, WorkspaceScope } from "../../db/schema.ts";
import { DomainError } from "../kernel/error.ts";
import type { Authority } from "./authority.ts";
import type { Scope } from "./external-issuer.ts";
import { holds } from "./permission.ts";

/** One request, with the facts that an audit event stores. */
export interface Call {
  /** The RPC, such as `latchkey.v1.ApiKeyService/RevokeApiKey`. */
  method: string;
  requestId: string;
  clientAddress: string;
  /** The client's address in the form in which rate limits count it. See `net/address-key.ts`. */
  addressKey: string;
  /** The time in milliseconds until the caller's deadline. Missing if the caller set none. */
  timeLeftMs?(): number | undefined;
}

/** A profile as other principals see it. */
export interface ProfileRef {
  id: string;
  type: ProfileType;
  name: string;
  email: string;
}

/** The profile that made a resource. If a platform key made it for a tenant, also the id of that key. */
export interface MakerRef extends ProfileRef {
  platformKeyId?: string | null;
}

/** The kind of credential that a principal presented. */
export type PrincipalKind = "user" | "application" | "service" | "developer";

/** How the clients of a key call it. No rule depends on it. */
export interface KeyNames {
  name: string;
  /** Empty if the key has none. */
  externalId: string;
  /** Each name of a label, followed by its value. */
  labels: readonly string[];
}

/** The caller in one account, as it is now. */
export interface Principal {
  accountId: string;
  /** Empty if the account has none. */
  accountExternalId: string;
  profile: ProfileRef;
  kind: PrincipalKind;
  /** Set for a session or a token of an external issuer. */
  userId?: string;
  /** Set for a key. For an embed session, the key that made it. */
  keyId?: string;
  /** Set for a key. */
  key?: KeyNames;
  /** Set for an application key, which mints only keys of this environment. */
  environment?: Environment;
  /** Set for a key with an end, which mints only keys that end no later. */
  expiresAt?: Date;
  /** Set for a key that was created to draw on the limits and credits of another key: that key. */
  drawsOn?: string;
  /** Set for a key with rate limits or credits: the key that has them. Such a key makes only keys that draw on them too. */
  limitedBy?: string;
  permissions: readonly string[];
  workspaceScope: WorkspaceScope;
  /** The live workspaces granted to it. */
  workspaceIds: readonly string[];
  entitlements: readonly string[];
  /** Whether this is the session of an owner. */
  owner: boolean;
  /** Whether its account is the platform account. */
  platform: boolean;
  /** Whether a rotation has superseded its token. Such a token passes verification, but cannot mint or rotate anything. */
  superseded: boolean;
  /** Set for a platform key that acts for a tenant: the key's own account. */
  home?: Home;
  /** Set for an embed session, which acts for a tenant in place of the platform key that made it: its own id. */
  embedSessionId?: string;
}

/** The own account of a platform key that acts for a tenant. */
export interface Home {
  accountId: string;
  /** The profile under which the key acts there. */
  profile: ProfileRef;
  /** Whether the key also holds `accounts:manage`. */
  managesAccounts: boolean;
}

/** A principal within a request. Operations take it as their argument. */
export interface Caller extends Principal {
  call: Call;
  /** Evaluates the principal again inside a change. */
  authority: Authority<Principal>;
}

/** A signed-in user within a request, before an account is resolved. */
export interface UserCaller {
  userId: string;
  /** Set for a session. */
  sessionId?: string;
  /** Set for a token of an external issuer: the accounts where it is valid, and its end. */
  external?: { scope: Scope; endsAt: Date };
  call: Call;
  /** Evaluates the user again inside a change. */
  authority: Authority<void>;
}

/** Returns whether a principal is a key of the platform account, in that account. */
export function isPlatformKey({ platform, keyId }: Principal): boolean {
  return platform && keyId !== undefined;
}

/** Fails with `PERMISSION_DENIED` if a principal lacks a permission. The error names the permission. */
export function requirePermission(principal: Principal, permission: string): void {
  if (!holds(principal.permissions, permission)) throw permissionDenied(permission);
}

/** Fails if a principal lacks a permission, unless it acts on its own record. */
export function requirePermissionOrOwn(principal: Principal, permission: string, own: boolean): void {
  if (!own) requirePermission(principal, permission);
}

/** Fails unless the caller is an owner's session, because only owners make, change and remove owners. */
export function requireOwner(principal: Principal): void {
  if (!principal.owner) {
    throw new DomainError("PERMISSION_DENIED", "only owners make, change and remove owners", {
      permission: "*",
    });
  }
}

/** Fails if a service key would move, rename or end its own owner. */
export function refuseItself(principal: Principal, account: { profile_id: string }): void {
  if (principal.profile.id === account.profile_id) {
    throw new DomainError("PERMISSION_DENIED", "a service key cannot change its own service account", {
      permission: "service_accounts:write",
    });
  }
}

/** Returns the error for a missing permission. */
export function permissionDenied(permission: string): DomainError {
  return new DomainError("PERMISSION_DENIED", `the permission ${permission} is missing`, { permission });
}
