import type { Store, Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { requireRoom } from "../access/entitlement.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import type { Caller } from "../access/principal.ts";
import { insertGrants, workspaceLocks } from "../access/workspace-grant.ts";
import { pick } from "../kernel/audit-event.ts";
import { invalidField } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { databaseTime, mutate } from "../kernel/mutation.ts";
import { rowLock } from "../kernel/row-lock.ts";
import type { Mint, MintedToken } from "../kernel/token.ts";
import { type ApiKey, auditedFields, findApiKey } from "./api-key.ts";
import { checkDraft, draft, type NewApiKey } from "./draft.ts";

/** What minting keys depends on. */
export interface MintDeps {
  mint: Mint;
  parsePermissions: ParsePermissions;
  bounds: Bounds;
}

/** Issues a key. Its token is in the answer, once. Nobody mints more than they hold. */
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
  const locks = [
    rowLock("service_account", caller.accountId, input.serviceAccountId, "share"),
    ...workspaceLocks(caller.accountId, input.workspaceIds),
  ];
  return mutate(
    db,
    { by: caller, locks },
    async (tx, caller) => {
      const owner = await checkDraft(tx, caller, key, input);
      requireWithin(deps.bounds, "permissionsPerKey", key.permissions.length);
      if (key.expiresAt) await requireFuture(tx, key.expiresAt);
      await requireRoom(tx, caller, "max_api_keys");
      const profileId = newId("prof");
      const account = { account_id: caller.accountId };
      await tx
        .insertInto("profile")
        .values({ ...account, id: profileId, type: "api_key", name })
        .execute();
      await tx
        .insertInto("api_key")
        .values({
          ...account,
          id,
          profile_id: profileId,
          owner_profile_id: owner?.profileId ?? null,
          name,
          description: input.description,
          external_id: input.externalId,
          labels: input.labels,
          kind: key.kind,
          environment: key.environment,
          workspace_scope: key.workspaceScope,
          permissions: key.permissions,
          created_by: caller.profile.id,
          // Locked until the key is there: whoever revokes the caller finds everything that it ever made.
          minted_by_key_id: caller.keyId ?? null,
          expires_at: key.expiresAt,
        })
        .execute();
      await insertToken(tx, caller.accountId, id, minted);
      await insertGrants(tx, caller, deps.bounds, profileId, input.workspaceIds);
      const made = await findApiKey(tx, caller, id);
      const granted = input.workspaceIds.length > 0 && { workspace_ids: input.workspaceIds };
      return {
        result: { ...made, token: minted.token },
        events: [
          { resourceType: "api_key", resourceId: id, after: { ...pick(made, auditedFields), ...granted } },
        ],
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
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

/** Refuses an expiry that has passed, by the clock of the database. */
export async function requireFuture(tx: Tx, expiresAt: Date): Promise<void> {
  if (expiresAt <= (await databaseTime(tx)))
    throw invalidField("spec.expires_at", "expected a time in the future");
}
