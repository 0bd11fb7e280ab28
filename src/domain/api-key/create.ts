import type { Store, Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { countEntitled, requireRoom } from "../access/entitlement.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import { type Caller, requirePermission } from "../access/principal.ts";
import { findWorkspaces, insertGrants, requireLive, workspaceLocks } from "../access/workspace-grant.ts";
import { type Change, pick } from "../kernel/audit-event.ts";
import { invalidField } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { mutate } from "../kernel/mutation.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import type { Mint, MintedToken } from "../kernel/token.ts";
import {
  type FoundForServiceAccount,
  newServiceAccount,
  type ServiceAccountCreation,
} from "../service-account/new.ts";
import { type ApiKey, auditedFields, findApiKey, labelBytes } from "./api-key.ts";
import { checkDraft, draft, type NewApiKey } from "./draft.ts";
import { insertKey } from "./insert.ts";
import { drawnOn } from "./limits.ts";
import { findOwner, readListed } from "./owner.ts";

/** The dependencies of minting keys. */
export interface MintDeps {
  mint: Mint;
  parsePermissions: ParsePermissions;
  bounds: Bounds;
}

/**
 * Issues a key. Only the response of this call contains its token. The caller cannot mint more than it holds. With
 * `serviceAccount`, the same change creates the owner of the key.
 */
export async function createApiKey(
  db: Store,
  caller: Caller,
  deps: MintDeps,
  input: NewApiKey,
): Promise<ApiKey> {
  const name = input.name.trim();
  const key = draft(caller, deps.parsePermissions, { ...input, name });
  const id = newId("key");
  const minted = deps.mint(key.tokenKind, id);
  const account = input.serviceAccount && newOwner(caller, deps.bounds, input.serviceAccount);
  const serviceAccountId = account?.id ?? (input.serviceAccountId || null);
  const locks = [
    ...(account?.locks ?? ownerLocks(caller, input.serviceAccountId)),
    ...workspaceLocks(caller.accountId, input.workspaceIds),
  ];
  const read = (tx: Tx) => readForNew(tx, caller, key.kind, input, account);
  return mutate(
    db,
    { by: caller, locks, read },
    async (tx, caller, found, now) => {
      const accountEvents = checkNewOwner(caller, account, found.forAccount);
      const owner = checkDraft(caller, key, input.workspaceIds, found);
      requireWithin(deps.bounds, "permissionsPerKey", key.permissions.length);
      requireWithin(deps.bounds, "labelBytesPerKey", labelBytes(input.labels));
      if (key.expiresAt) requireFuture(key.expiresAt, now);
      requireRoom(caller, found.room);
      requireFree(found.taken);
      const workspaceIds = requireLive(found.workspaces, input.workspaceIds);
      const row = {
        id,
        profile_id: newId("prof"),
        owner_profile_id: owner?.profileId ?? null,
        name,
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        kind: key.kind,
        environment: key.environment,
        workspace_scope: key.workspaceScope,
        permissions: key.permissions,
        expires_at: key.expiresAt,
        rate_limits: key.rateLimits,
        limited_by_key_id: drawnOn(caller, key.rateLimits),
      };
      const granted = workspaceIds.length > 0 && { workspace_ids: input.workspaceIds };
      const limited = row.limited_by_key_id !== null && pick(row, ["limited_by_key_id"]);
      const after = { ...pick(row, auditedFields), ...granted, ...limited };
      return {
        events: [...accountEvents, { resourceType: "api_key", resourceId: id, after }],
        async write() {
          const [, inserted, , found] = await together([
            account?.write(tx, caller),
            insertKey(tx, caller, row, serviceAccountId, minted),
            insertGrants(tx, caller, deps.bounds, row.profile_id, workspaceIds),
            granted || limited ? findApiKey(tx, caller, id) : undefined,
          ]);
          return { ...(found ?? inserted), token: minted.token };
        },
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

async function readForNew(
  tx: Tx,
  caller: Caller,
  kind: ApiKey["kind"],
  { serviceAccountId, workspaceIds, externalId }: NewApiKey,
  account: ServiceAccountCreation | undefined,
) {
  const [owner, listed, workspaces, room, taken, forAccount] = await together([
    account ? undefined : findOwner(tx, caller, kind, serviceAccountId),
    kind === "application" ? undefined : readListed(tx, caller),
    findWorkspaces(tx, caller.accountId, workspaceIds),
    countEntitled(tx, caller, "max_api_keys"),
    findByExternalId(tx, "api_key", caller.accountId, externalId),
    account?.read(tx),
  ]);
  return { owner: forAccount?.owner ?? owner, listed, workspaces, room, taken, forAccount };
}

function ownerLocks({ accountId }: Caller, serviceAccountId: string): RowLock[] {
  return serviceAccountId ? [rowLock("service_account", accountId, serviceAccountId, "share")] : [];
}

function newOwner(
  caller: Caller,
  bounds: Bounds,
  { name, teamId }: { name: string; teamId: string },
): ServiceAccountCreation {
  const fields = { name: "service_account.name", teamId: "service_account.team_id" };
  const account = { name, teamId, description: "", externalId: "", labels: {} };
  return newServiceAccount(caller, bounds, account, fields);
}

function checkNewOwner(
  caller: Caller,
  account: ServiceAccountCreation | undefined,
  found: FoundForServiceAccount | undefined,
): Change[] {
  if (!account || !found) return [];
  requirePermission(caller, "service_accounts:write");
  return [account.check(caller, found)];
}

/** Stores a minted token as the current one of a key. */
export async function insertToken(
  tx: Tx,
  accountId: string,
  keyId: string,
  minted: MintedToken,
): Promise<void> {
  await tx
    .insertInto("api_key_token")
    .values({ account_id: accountId, api_key_id: keyId, hash: minted.hash, hint: minted.hint })
    .execute();
}

/** Fails with a violation if an expiry is in the past by the clock of the database. */
export function requireFuture(expiresAt: Date, now: Date): void {
  if (expiresAt <= now) throw invalidField("spec.expires_at", "expected a time in the future");
}
