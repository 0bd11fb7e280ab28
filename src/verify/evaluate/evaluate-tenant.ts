import type { TenantJson } from "../../db/schema.ts";
import { actPermission, withoutPlatformPermissions } from "../../domain/access/acting.ts";
import { holds, type PermissionSet } from "../../domain/access/permission.ts";
import type { Principal } from "../../domain/access/principal.ts";
import type { Loaded } from "../cache/load.ts";
import { type AccountAccess, type Credential, metBy } from "./credential.ts";
import { permissionFailures } from "./rules.ts";
import { type ActingCall, accountMismatch, type Failure, type Requirements } from "./verdict.ts";

/** A platform key that names another account than its own, and may act for it if that is a tenant. */
export interface Acting {
  /** The access of the key to its own account. */
  own: AccountAccess;
  call: ActingCall;
}

/**
 * Returns the platform key that would act for a tenant: the bearer of a call, a key that holds `accounts:act`, and a named
 * account that is not its own. Returns undefined for every other token.
 */
export function actingOf(
  credential: Credential,
  { acting: call, accountId }: Requirements,
): Acting | undefined {
  const [own] = credential.openings;
  if (!call || !own?.platform || accountId === "" || accountId === own.account_id) return undefined;
  if (credential.kind === "session" || credential.kind === "outside" || credential.embed) return undefined;
  return holds(own.held, actPermission) ? { own, call } : undefined;
}

/** The result for a tenant: the rules that fail there, and the principal, or the account that must be loaded first. */
export interface ForTenant {
  failures: Failure[];
  principal?: Principal;
  lacksTenant?: string;
}

/**
 * Evaluates a platform key in the account that it acts for. A missing account and the platform account fail with the same
 * rule. `key` is the principal of the key in its own account.
 */
export function evaluateForTenant(
  tenant: Loaded["tenant"],
  { own, call }: Acting,
  key: Principal,
  requirements: Requirements,
): ForTenant {
  const { accountId } = requirements;
  const mismatch = accountMismatch(accountId);
  if (tenant === undefined) return { failures: [mismatch], lacksTenant: accountId };
  if (tenant === null || tenant.platform) return { failures: [mismatch] };
  const accountAccess = accessFor(tenant, own.held);
  const { userId: _, ...others } = key;
  const principal: Principal = {
    ...others,
    accountId: tenant.id,
    accountExternalId: tenant.external_id,
    profile: tenant.profile,
    permissions: accountAccess.held.permissions,
    workspaceScope: "all",
    workspaceIds: [],
    entitlements: tenant.entitlements,
    owner: false,
    platform: false,
    home: {
      accountId: own.account_id,
      profile: own.profile,
      managesAccounts: holds(own.held, "accounts:manage"),
    },
  };
  const suspended = tenant.suspended && !call.whileSuspended;
  const failures: Failure[] = [
    ...(suspended ? [{ verdict: "ACCOUNT_SUSPENDED" as const, metadata: { account_id: tenant.id } }] : []),
    ...permissionFailures(accountAccess, requirements),
  ];
  return { failures, principal };
}

function accessFor(tenant: TenantJson, held: PermissionSet) {
  const permissions = withoutPlatformPermissions(held.permissions);
  const here = held.entries ? { permissions, entries: new Set(permissions) } : { permissions };
  return { held: permissions === held.permissions ? held : here, entitled: metBy(tenant.entitlements) };
}
