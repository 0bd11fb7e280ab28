import type { Environment, ProfileType, WorkspaceScope } from "../../db/schema.ts";
import { DomainError } from "../kernel/error.ts";
import type { Authority } from "./authority.ts";
import type { Scope } from "./external-issuer.ts";
import { holds } from "./permission.ts";

/** One request: what an audit event says of it. */
export interface Call {
  /** The RPC, such as `latchkey.v1.ApiKeyService/RevokeApiKey`. */
  method: string;
  requestId: string;
  clientAddress: string;
  /** By what limits count the client's address: see `net/address-key.ts`. */
  addressKey: string;
  /** How long the caller will wait for the answer, from now, in milliseconds. Unset: as long as it takes. */
  timeLeftMs?(): number | undefined;
}

/** Who acts, as others see them. */
export interface ProfileRef {
  id: string;
  type: ProfileType;
  name: string;
  email: string;
}

/** By what credential a principal was recognised. */
export type PrincipalKind = "user" | "application" | "service" | "developer";

/** The answer to "who is calling": everything in it holds now, in one account. */
export interface Principal {
  accountId: string;
  profile: ProfileRef;
  kind: PrincipalKind;
  /** For a session, or a token of an outside issuer. */
  userId?: string;
  /** For a key. */
  keyId?: string;
  /** For an application key: it mints only keys of this environment. */
  environment?: Environment;
  /** For a key with an end: it mints only keys that end no later. */
  expiresAt?: Date;
  permissions: readonly string[];
  workspaceScope: WorkspaceScope;
  /** The live workspaces granted to it. */
  workspaceIds: readonly string[];
  entitlements: readonly string[];
  /** Whether this is an owner's session. */
  owner: boolean;
  /** Whether its account is the platform account. */
  platform: boolean;
  /** Whether its token was superseded by a rotation: it verifies, but mints and rotates nothing. */
  superseded: boolean;
}

/** A principal within a request: what an operation is given. */
export interface Caller extends Principal {
  call: Call;
  /** How a change evaluates it again. */
  authority: Authority<Principal>;
}

/** A signed-in user, no account resolved, within a request. */
export interface UserCaller {
  userId: string;
  /** For a session. */
  sessionId?: string;
  /** For a token of an outside issuer: what it speaks for, and when it ends. */
  external?: { scope: Scope; endsAt: Date };
  call: Call;
  /** How a change evaluates it again. */
  authority: Authority<void>;
}

/** Refuses a principal that lacks a permission, naming it. */
export function requirePermission(principal: Principal, permission: string): void {
  if (!holds(principal.permissions, permission)) throw permissionDenied(permission);
}

/** Refuses who neither holds a permission nor acts on what is their own. */
export function requirePermissionOrOwn(principal: Principal, permission: string, own: boolean): void {
  if (!own) requirePermission(principal, permission);
}

/** Refuses everybody but an owner's session: only owners make, change and remove owners. */
export function requireOwner(principal: Principal): void {
  if (!principal.owner) {
    throw new DomainError("PERMISSION_DENIED", "only owners make, change and remove owners", {
      permission: "*",
    });
  }
}

/** Refuses a service key that would move, rename or end its own owner. */
export function refuseItself(principal: Principal, account: { profile_id: string }): void {
  if (principal.profile.id === account.profile_id) {
    throw new DomainError("PERMISSION_DENIED", "a service account does not change itself", {
      permission: "service_accounts:write",
    });
  }
}

/** The refusal for a missing permission. */
export function permissionDenied(permission: string): DomainError {
  return new DomainError("PERMISSION_DENIED", `the permission ${permission} is missing`, { permission });
}
